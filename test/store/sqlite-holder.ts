/** Opens the store it is told, says so, and stays until it is killed. */
import { openDatabase } from "../../runtime/store/open.ts";

await openDatabase(process.argv[2]!);
process.stdout.write("open\n");
setInterval(() => {}, 60_000);
