import { describe, expect, it } from "vitest";
import { expressionFaults } from "../../runtime/manifest/soundness.ts";
import { described } from "../../runtime/manifest/value-type.ts";

const email = {
  type: "object",
  additionalProperties: false,
  properties: { value: { type: "string" }, self: { type: "boolean" } },
};
const record = described({
  type: "object",
  additionalProperties: false,
  properties: {
    name: { type: "string" },
    count: { type: "integer" },
    rating: { type: "integer", minimum: 1, maximum: 5 },
    date: { type: ["string", "null"] },
    open: { type: "boolean" },
    status: { enum: ["open", "won", null] },
    tags: { type: "array", items: { enum: ["a", "b"] } },
    emails: { type: "array", items: email },
    custom: {},
  },
});

describe("an expression that is not sound", () => {
  it.each([
    ["!name.x", "! negates only name, and nothing lies in true or false; write !(name.x)"],
    ["custom && !custom.a.b", "! negates only custom, and nothing lies in true or false; write !(custom.a.b)"],
    ["!emails[].value", "! negates only emails, and nothing lies in true or false; write !(emails[].value)"],
    ["'status' == 'open'", "'status' == 'open' compares two fixed values; a path stands without quotes and backticks"],
    ["count == '5'", "count == '5' can never hold: count is an integer, and '5' is a string; write count == `5`"],
    ["name != `5`", "name != `5` always holds: name is a string, and `5` is a number; write name != '5'"],
    [
      "open == 'true'",
      "open == 'true' can never hold: open is a boolean, and 'true' is a string; write open == `true`",
    ],
    ["open == true", '"true" is read as a name; write `true` in backticks'],
    ["name == Ada", "\"Ada\" is read as a name; write the text as 'Ada'"],
    ["!name == 'x'", "!name == 'x' can never hold: !name is a boolean, and 'x' is a string; write name != 'x'"],
    ["status == 'opne'", "status == 'opne' can never hold: status is one of \"open\", \"won\"; did you mean 'open'?"],
    ["status != 'lost'", 'status != \'lost\' always holds: status is one of "open", "won"; compare with one of them'],
    ["lower(name) == 'ADA'", "lower(name) == 'ADA' can never hold: lower() gives no such text; write 'ada'"],
    [
      "length(custom) == '3'",
      "length(custom) == '3' can never hold: length(custom) is a number, and '3' is a string; write length(custom) == `3`",
    ],
    [
      "date > '2026-01-01'",
      "date > '2026-01-01' can never hold: > compares numbers, and date is a string; to order text, write sort([date, '2026-01-01'])[-1] == date",
    ],
    ["custom < '5'", "custom < '5' can never hold: < compares numbers, and '5' is a string; write the number as `5`"],
    ["contains(count, 'x')", "contains() takes a string or an array, and count is an integer; write to_string(count)"],
    [
      "contains(tags || `[]`, 'c')",
      "contains(tags || `[]`, 'c') can never hold: each of tags || `[]` is one of \"a\", \"b\"; did you mean 'a'?",
    ],
    ["contains(name, `5`)", "contains(name, `5`) can never hold: name is a string, and `5` is a number; write '5'"],
    [
      "(emails || tags)[] > `5`",
      "(emails || tags)[] > `5` can never hold: > compares numbers, and (emails || tags)[] is an array; write the number as a number instead of `5`",
    ],
    ["nmae", 'the record has no "nmae"; did you mean "name"?'],
    ["emails.value", "emails is a list; write emails[0].value or emails[].value"],
    ["emails[?self].valeu", 'emails[] has no "valeu"; did you mean "value"?'],
    ["emails[?vale == 'x']", 'emails[] has no "vale"; did you mean "value"?'],
    ["let $e = emails[0] in $e.valeu", '$e has no "valeu"; did you mean "value"?'],
    ["sort_by(emails, &valeu)", '@ has no "valeu"; did you mean "value"?'],
    ["name[0]", "name is a string, which has no [0]; remove it"],
    ["name = 'x'", "name = sets a variable, which only let does; write == to compare"],
    ["company.name = 'x'", "= sets a variable, which only let does; write == to compare"],
    ["rating > `5`", "rating > `5` can never hold: rating is a whole number, at least 1 and at most 5"],
    ["`0` >= rating", "`0` >= rating can never hold: rating is a whole number, at least 1 and at most 5"],
    ["rating != `6`", "rating != `6` always holds: rating is a whole number, at least 1 and at most 5"],
    ["count == `1.5`", "count == `1.5` can never hold: count is a whole number"],
    ["length(tags) < `0`", "length(tags) < `0` can never hold: length(tags) is a number, at least 0"],
    [
      "contains(status, 'opn')",
      "contains(status, 'opn') can never hold: status is one of \"open\", \"won\"; did you mean 'open'?",
    ],
    [
      "starts_with(status, 'x')",
      'starts_with(status, \'x\') can never hold: status is one of "open", "won"; compare with one of them',
    ],
    [
      "contains(['lost', 'opne'], status)",
      "contains(['lost', 'opne'], status) can never hold: status is one of \"open\", \"won\"; compare with one of them",
    ],
  ])("is told with what is right: %s", (expression, message) => {
    expect(expressionFaults(expression, record, "the record")).toEqual([message]);
  });

  it.each([
    "!(name)",
    "!custom",
    "!contains(tags, 'a')",
    "!emails[0]",
    "emails[?!(self)].value | [0]",
    "status == `null`",
    "status == 'open' || count == `5` || open == `true`",
    "contains(name, 'A') && contains(tags, 'a')",
    "custom.any.thing[0] == `1` || custom == 'x' || custom > `1`",
    "(name || count) == 'x'",
    "sort([date, '2026-01-01'])[-1] == date",
    "[emails[0].value, name] | [1] == 'x'",
    "`{}`.a || from_items(items(custom || `{}`)).b",
    "(emails || `[]`)[].value | join(' ', @) == 'a'",
    "rating > `4` && rating <= `5` && count != `4`",
    "contains(status, 'ope') || starts_with(status, 'w') || contains(['won', 'lost'], status)",
    "emails[?self] && !(emails[?value == 'a'])",
    "contains(['lost', `null`], status)",
    "contains(`[null, 0]`, status) || contains(['', `null`], tags[0])",
  ])("is not seen in %s", (expression) => {
    expect(expressionFaults(expression, record)).toEqual([]);
  });
});

describe("conditions that an and joins", () => {
  it.each([
    ["status == 'open' && status == 'won'", "status == 'open'", "status == 'won'"],
    ["custom.x == `1` && (open && `2` == custom.x)", "custom.x == `1`", "`2` == custom.x"],
    ["name == 'a' && name != 'a'", "name == 'a'", "name != 'a'"],
    ["name == 'a' && !(name == 'a')", "name == 'a'", "!(name == 'a')"],
    ["count > `5` && count < `3`", "count > `5`", "count < `3`"],
    ["count >= `5` && `5` > count", "count >= `5`", "`5` > count"],
    ["count > `5` && count == `5`", "count > `5`", "count == `5`"],
    ["custom > `5` && custom == '6'", "custom > `5`", "custom == '6'"],
    ["open && !open", "open", "!open"],
    ["!open && open == `true`", "!open", "open == `true`"],
    ["date == `null` && date", "date == `null`", "date"],
    ["date == `null` && date == '2026-01-01'", "date == `null`", "date == '2026-01-01'"],
    ["emails[?value == 'a' && value == 'b']", "value == 'a'", "value == 'b'"],
    ["status == 'open' && (status == 'won' || !(status))", "status == 'open'", "status == 'won'"],
  ])("and that exclude each other are named: %s", (expression, one, other) => {
    const message = `${one} and ${other} can never hold together; write || where one of them is enough`;
    expect(expressionFaults(expression, record)).toEqual([message]);
  });

  it.each([
    "count >= `5` && count <= `5`",
    "count > `3` && count < `5` && count != `4`",
    "custom > `3` && custom > `5`",
    "name != 'a' && name != 'b'",
    "date == `null` && !date",
    "!name && name == ''",
    "custom == `0` && custom",
    'custom == `{"a":1,"b":2}` && custom == `{"b":2,"a":1}`',
    "emails[0].value == 'a' && emails[1].value == 'b'",
    "{a: name}.a == 'x' && {a: date}.a == 'y'",
    "status == 'open' && (status == 'won' || open)",
    "(status == 'open' || open) && (status == 'won' || !open)",
    "lower(name) == 'a' && name == 'A'",
  ])("and that may hold together are no fault: %s", (expression) => {
    expect(expressionFaults(expression, record)).toEqual([]);
  });

  it("are looked through in 64 ways, and let be in more", () => {
    const either = (n: number) => `(status == 'open' || status == 'open' ${"|| status == 'open'".repeat(n - 2)})`;
    const never = "status == 'won'";
    expect(expressionFaults(`${never} && ${either(64)}`, record)).toHaveLength(1);
    expect(expressionFaults(`${never} && ${either(65)}`, record)).toEqual([]);
  });
});

it("is a slip of the pen where other names may be, and any other name is not", () => {
  const open = described({
    type: "object",
    additionalProperties: true,
    properties: { emailAddresses: {}, status: {} },
  });
  expect(expressionFaults("emailAdress || stauts || emailaddresses || email || state || custom", open)).toEqual([
    'the value has no "emailAdress"; did you mean "emailAddresses"?',
    'the value has no "stauts"; did you mean "status"?',
    'the value has no "emailaddresses"; did you mean "emailAddresses"?',
  ]);
});

it("is no fault that a type might still have: nothing is known of what is evaluated", () => {
  expect(expressionFaults("a.b[0].c == 'x' && d > e && contains(f, g)")).toEqual([]);
  expect(expressionFaults("!a.b")).toEqual(["! negates only a, and nothing lies in true or false; write !(a.b)"]);
});
