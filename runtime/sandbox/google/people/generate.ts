import {
  CITIES,
  COMPANIES,
  DEPARTMENTS,
  EMAIL_DOMAINS,
  FAMILY_NAMES,
  GIVEN_NAMES,
  JOB_TITLES,
  NOTES,
  STREETS,
} from "../../names.ts";
import type { City } from "../../names.ts";
import type { Random } from "../../random.ts";
import type { ContactFields } from "./fields.ts";

/**
 * A person as address books have them: most with a name, many with gaps, some without a name at all.
 * The same random stream gives the same person.
 */
export function generateFields(random: Random): ContactFields {
  const given = random.pick(GIVEN_NAMES);
  const family = random.pick(FAMILY_NAMES);
  const city = random.pick(CITIES);
  const company = random.chance(0.4) ? random.pick(COMPANIES) : undefined;
  const nameless = random.chance(0.04);
  const fields: ContactFields = {};
  if (!nameless) fields.names = [generateName(random, given, family)];
  if (nameless || random.chance(0.85)) fields.emailAddresses = generateEmails(random, given, family, company);
  if (random.chance(0.75)) fields.phoneNumbers = generatePhones(random, city);
  if (company) {
    fields.organizations = [
      {
        type: "work",
        name: company,
        ...(random.chance(0.8) && { title: random.pick(JOB_TITLES) }),
        ...(random.chance(0.2) && { department: random.pick(DEPARTMENTS) }),
      },
    ];
  }
  if (random.chance(0.25)) fields.addresses = [generateAddress(random, city)];
  if (random.chance(0.2)) fields.birthdays = [{ date: generateDate(random, random.chance(0.6)) }];
  if (random.chance(0.15)) fields.biographies = [{ value: random.pick(NOTES), contentType: "TEXT_PLAIN" }];
  if (company && random.chance(0.2)) fields.urls = [{ type: "work", value: `https://${slug(company)}.example.com/` }];
  if (random.chance(0.04)) fields.nicknames = [{ value: given.slice(0, 3) }];
  if (random.chance(0.03)) fields.events = [{ type: "anniversary", date: generateDate(random, true) }];
  if (random.chance(0.03)) fields.relations = [{ type: "spouse", person: `${random.pick(GIVEN_NAMES)} ${family}` }];
  if (random.chance(0.03)) fields.userDefined = [{ key: "Customer number", value: random.digits(6) }];
  return fields;
}

export function generatePhone(random: Random, city: City = random.pick(CITIES)): { type: string; value: string } {
  return { type: random.pick(["mobile", "mobile", "work", "home"]), value: fill(random, city.phone) };
}

export function generateEmail(
  random: Random,
  given: string,
  family: string,
  type: string,
): { type: string; value: string } {
  const local = random.pick([
    `${slug(given)}.${slug(family)}`,
    slug(given) + slug(family),
    slug(given)[0] + slug(family),
  ]);
  return { type, value: `${local}${random.chance(0.5) ? random.below(100) : ""}@${random.pick(EMAIL_DOMAINS)}` };
}

function generateName(random: Random, givenName: string, familyName: string): object {
  if (random.chance(0.05)) return { givenName };
  return {
    ...(random.chance(0.03) && { honorificPrefix: "Dr." }),
    givenName,
    ...(random.chance(0.06) && { middleName: random.pick(GIVEN_NAMES) }),
    familyName,
  };
}

function generateEmails(random: Random, given: string, family: string, company: string | undefined): object[] {
  const emails = [generateEmail(random, given, family, "home")];
  if (company && random.chance(0.6)) {
    emails.push({ type: "work", value: `${slug(given)}@${slug(company)}.example.com` });
  }
  return emails;
}

function generatePhones(random: Random, city: City): object[] {
  const phones = [generatePhone(random, city)];
  if (random.chance(0.25)) phones.push({ type: "work", value: fill(random, city.phone) });
  return phones;
}

function generateAddress(random: Random, city: City): object {
  return {
    type: random.pick(["home", "work"]),
    streetAddress: `${1 + random.below(220)} ${random.pick(STREETS)}`,
    city: city.city,
    ...(city.region && { region: city.region }),
    postalCode: fill(random, city.postalCode),
    country: city.country,
    countryCode: city.countryCode,
  };
}

/** A day that exists in every year; without a year, as birthdays often are. */
function generateDate(random: Random, withYear: boolean): { year?: number; month: number; day: number } {
  const date = { month: 1 + random.below(12), day: 1 + random.below(28) };
  return withYear ? { year: 1945 + random.below(60), ...date } : date;
}

function fill(random: Random, pattern: string): string {
  return pattern.replaceAll("#", () => random.digits(1));
}

/** A name as it would stand in an address: lower case, ASCII letters only. */
function slug(text: string): string {
  return text
    .replaceAll("ø", "o")
    .replaceAll("ı", "i")
    .normalize("NFD")
    .replaceAll(/[^a-zA-Z]/g, "")
    .toLowerCase();
}
