import { constantFrom, nat, record } from "fast-check";
import type { Arbitrary } from "fast-check";
import type { Side } from "../../runtime/sync/sides.ts";
import type { Card, ContactsVendor } from "./vendors.ts";

/** What a person does, before it is known to which contact. */
export interface Edit {
  side: Side;
  kind: "create" | "rename" | "email" | "phone" | "delete" | "second" | "drop" | "note" | "touch";
  pick: number;
}

const kinds = [
  ...(["create", "create", "create", "rename", "rename", "email", "email", "phone", "phone", "delete"] as const),
  ...(["second", "drop", "note", "touch"] as const),
];

export const anyEdit: Arbitrary<Edit> = record({
  side: constantFrom("left", "right"),
  kind: constantFrom(...kinds),
  pick: nat(1_000_000),
});

/** Makes an edit as a person would, of a contact that is not among `untouched`; returns its first name, by which it is known. */
export function makeEdit(
  book: ContactsVendor,
  { kind, pick }: Edit,
  serial: number,
  untouched: ReadonlySet<string>,
): string | undefined {
  const [email, phone] = [{ value: `E${serial}@Example.com` }, { value: `+44 7700 ${100_000 + serial}` }];
  const create = (): string => {
    book.add({ first: `P${serial}`, last: "L", emails: [email], phones: pick % 2 ? [phone] : [] });
    return `P${serial}`;
  };
  const cards = [...book.cards.values()].filter(({ first }) => !untouched.has(first));
  const card = cards[pick % Math.max(1, cards.length)];
  if (kind === "create" || !card) return create();
  if (kind === "delete") book.remove(card.id);
  else book.edit(card.id, changesOf(card, kind, { email, phone, last: `L${serial}`, note: `N${serial}` }));
  return card.first;
}

function changesOf(
  { emails, phones }: Card,
  kind: Edit["kind"],
  fresh: { email: { value: string }; phone: { value: string }; last: string; note: string },
): Partial<Card> {
  switch (kind) {
    case "rename":
      return { last: fresh.last };
    case "email":
      return { emails: [fresh.email, ...emails.slice(1)] };
    case "phone":
      return { phones: [fresh.phone, ...phones.slice(1)] };
    case "second":
      return { emails: [...emails, fresh.email] };
    case "drop":
      return emails.length > 1 ? { emails: emails.slice(1) } : {};
    case "note":
      return { note: fresh.note };
    default:
      return {};
  }
}

/** What both shapes of vendors can hold of a contact. */
export const shared = ({ first, last, emails, phones }: Card): object => ({
  first,
  last,
  mail: emails[0]?.value.toLowerCase() ?? "",
  tel: phones[0]?.value.replaceAll(/[^+\d]/g, "") ?? "",
});
