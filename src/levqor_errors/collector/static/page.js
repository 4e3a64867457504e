// What every page of the owner's has.

import { localise } from "./times.js";

localise();
