// One stream for all tabs of this browser, which opens six connections to a host and no more.
// Tabs say whether they are seen; without one that is, the stream is closed.

import { Connection } from "./connection.js";

const seen = new Set();
let connection = null;

self.addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", ({ data }) => {
    if (!data.seen) {
      seen.delete(port);
      if (seen.size === 0) {
        connection?.close();
        connection = null;
      }
      return;
    }
    seen.add(port);
    connection ??= new Connection((kind, told, cursor) => {
      for (const tab of seen) tab.postMessage({ kind, told, cursor });
    }, data.cursor);
    connection.rewind(data.cursor);
    connection.open();
    // A tab that comes to a stream would else hear nothing before its next event.
    if (connection.isHeard) port.postMessage({ kind: "heard", told: null, cursor: data.cursor });
  });
  port.start();
});
