/** Writes the file that the collector serves: `npm run served`. It is kept in the repository, so that Python needs no Node. */

import { writeFileSync } from "node:fs";
import { SERVED, served } from "./bundle.mjs";

writeFileSync(SERVED, await served());
