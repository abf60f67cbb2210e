// One stream of changes, kept open by itself: after an error, a restart of the server, or a sleep
// of this machine it is opened again where it broke off. A session that has ended since is told apart:
// its reader has to log in again, here or in another tab.

const SILENT_AFTER_MS = 25_000; // the server says something every ten seconds
const LOOK_EVERY_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;

export class Connection {
  #tell;
  #source = null;
  #cursor;
  #heard = 0;
  #wait = FIRST_WAIT_MS;
  #retry = null;
  #watch = null;

  /** `tell(kind, data, cursor)`: "change", "beat", "lost" while nothing is heard, "ended" without access. */
  constructor(tell, cursor) {
    this.#tell = tell;
    this.#cursor = cursor;
  }

  /** Whether the stream that is open is one that was heard of lately. */
  get isHeard() {
    return this.#source?.readyState === EventSource.OPEN && Date.now() - this.#heard < SILENT_AFTER_MS;
  }

  open() {
    if (this.#source) return;
    this.#heard = Date.now();
    this.#source = new EventSource(`/v1/events?after=${this.#cursor}`);
    for (const kind of ["change", "beat"]) {
      this.#source.addEventListener(kind, (event) => {
        this.#heard = Date.now();
        this.#wait = FIRST_WAIT_MS;
        if (event.lastEventId) this.#cursor = event.lastEventId;
        this.#tell(kind, JSON.parse(event.data), this.#cursor);
      });
    }
    this.#source.addEventListener("error", () => this.#again());
    this.#watch ??= setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  /** Tell again what came after `cursor`, for a reader who has missed it. */
  rewind(cursor) {
    if (Number(cursor) >= Number(this.#cursor)) return;
    this.close();
    this.#cursor = cursor;
  }

  close() {
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    this.#retry = this.#watch = null;
    this.#source?.close();
    this.#source = null;
  }

  #look() {
    if (this.#source && Date.now() - this.#heard > SILENT_AFTER_MS) this.#again();
  }

  #again() {
    // Closed for good by an answer, not by the network: by which one, a stream does not say.
    const wasRefused = this.#source?.readyState === EventSource.CLOSED;
    this.#source?.close();
    this.#source = null;
    this.#tell("lost", null, this.#cursor);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), this.#wait);
    this.#wait = Math.min(2 * this.#wait, LONGEST_WAIT_MS);
    if (wasRefused) this.#askWhy();
  }

  async #askWhy() {
    const response = await fetch("/v1/me").catch(() => null);
    if (response?.status === 401) this.#tell("ended", null, this.#cursor);
  }
}
