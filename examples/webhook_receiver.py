"""Receive what a Widthwise service sends, and believe nothing that it has not signed.

WIDTHWISE_WEBHOOK_SECRET=whsec_... python examples/webhook_receiver.py 8400
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from widthwise.errors import WidthwiseError
from widthwise.resources.webhooks import verified

SECRET = os.environ["WIDTHWISE_WEBHOOK_SECRET"]


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 to what the service has sent, and 400 to everything else."""

    def do_POST(self) -> None:
        """Check the message before anything in it is believed."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            message = verified(dict(self.headers), body, SECRET)
        except WidthwiseError:
            self.send_error(400)
            return
        if message["type"] == "study.state" and message["data"]["to"] == "completed":
            print(f"{message['data']['study_id']} is completed", flush=True)
        self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
