// A browser that has logged in can log out.

import { hasSession } from "./posting.js";

document.getElementById("log-out").hidden = !hasSession();
