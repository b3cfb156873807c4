import { Skip } from "./outcome.ts";
import type { Reply } from "./server.ts";
import { many } from "./situations.ts";
import type { StreamBench } from "./stream-bench.ts";

/** Polls in which the list fails, each with another answer. */
const ANSWERS: readonly Reply[] = [
  { status: 403, body: { error: { code: 403, message: "Not allowed" } } },
  { status: 404, body: { error: { code: 404, message: "Not here" } } },
  { body: { statusCode: 200, message: "maintenance" } },
  { text: "" },
];
const HINT =
  "one of several lists that cannot be read stops no other, and goes on where it was; check each and cursor.per";

/** One list of several that cannot be read holds back no other, loses nothing, and is told once it answers. */
export async function failingList(s: StreamBench): Promise<void> {
  many(s);
  if (!s.stream.each) throw new Skip("there is one list");
  await s.secondItem();
  const [first, second] = await s.begin(2);
  s.listing.move(second!);
  await s.expect([`updated ${second}`], HINT);
  const held = s.alter(second);
  for (const reply of ANSWERS) {
    const altered = s.alter(first);
    s.listOfItemAnswers(1, reply);
    s.compare(await s.bench.poll(), altered, HINT);
    s.bench.server.faults.length = 0;
  }
  await s.expect(held, HINT);
  await s.expect([], HINT);
}
