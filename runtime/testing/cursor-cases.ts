import type { Subject } from "./bench.ts";
import { matching } from "./invert.ts";
import { Finding, Skip } from "./outcome.ts";
import type { Reply } from "./server.ts";
import type { Run } from "./situations.ts";
import type { StreamBench } from "./stream-bench.ts";

/** Cursors, and how the vendor says that one has expired, once for each of the manifest's matchers. */
export function cursorCases(subject: Subject, name: string): Record<string, Run> {
  const { type } = subject.connector.streams.get(name)!.cursor.definition;
  const endings = type === "syncToken" || type === "sequence" ? expiredCases(subject) : [];
  return { "the next read goes on from the cursor": goesOn, ...Object.fromEntries(endings) };
}

async function goesOn(s: StreamBench): Promise<void> {
  const cursor = s.stream.definition.cursor;
  if (cursor.type === "snapshot" || cursor.type === "window") throw new Skip(`a ${cursor.type} has no cursor`);
  s.listing.decoys = true;
  const [key] = await s.begin(5);
  s.bench.server.requests.length = 0;
  await s.expect(s.alter(key), "check cursor.from and cursor.to");
  const [sent] = s.sent([cursor.to].flat()[0]!);
  if (sent === undefined)
    throw new Finding(`the second read was asked without ${String(cursor.to)}; check cursor.from`);
  if (sent === "cursor-0") throw new Finding("the cursor of an earlier page was used; only the last page's counts");
}

function expiredCases({ connector }: Subject): [string, Run][] {
  const found = expiries(connector.manifest);
  if (found.length === 0) {
    return [
      [
        "an expired cursor",
        async () => {
          throw new Finding(
            "no matcher of class cursorExpired applies to streams: an expired cursor would fail forever; add it to errors",
          );
        },
      ],
    ];
  }
  return found.map(({ name, reply }) => [`an expired cursor (${name})`, (s) => expired(s, reply)]);
}

async function expired(s: StreamBench, reply: Reply | undefined): Promise<void> {
  if (!reply)
    throw new Skip("not testable from the manifest: no answer can be made for which the matcher's condition holds");
  const { type } = s.stream.cursor.definition;
  const [first, second, third] = await s.begin(5);
  const created = s.listing.create();
  s.listing.update(second!);
  if (type === "syncToken") s.listing.remove(third!);
  s.listing.expire(reply);
  const listed = type === "syncToken" || s.stream.cursor.recover !== undefined;
  const updated = s.tellsUpdates ? [`updated ${second}`] : [];
  const told = [`created ${created}`, ...updated, ...(type === "syncToken" ? [`deleted ${third}`] : [])];
  await s.expect(
    listed ? told : [],
    "the matcher stands behind one that takes the same answer, or a recover is missing",
  );
  await s.expect(s.alter(first), "the new cursor is not taken; check cursor.from");
}

/** How the vendor says that a cursor has expired, once for each of the manifest's matchers that can be turned around. */
function expiries(connector: {
  errors?: readonly Parameters<typeof matching>[0][];
}): { name: string; reply: Reply | undefined }[] {
  return (connector.errors ?? []).flatMap((matcher, index) => {
    if (matcher.class !== "cursorExpired" || (matcher.scope ?? "stream") !== "stream") return [];
    const statuses = matcher.status ?? [400];
    return statuses.map((status) => ({
      name: `errors[${index}], ${status}`,
      reply: matching({ ...matcher, status: [status] }),
    }));
  });
}
