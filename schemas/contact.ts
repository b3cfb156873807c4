// Generated from contact.schema.json by schemas/generate.ts; do not edit.

/**
 * Kind of the value, in the vendor's words.
 */
export type Label = string;
/**
 * Whether it is the one to use first.
 */
export type Primary = boolean;
/**
 * A time (RFC 3339).
 */
export type Time = string;

/**
 * A person or organization in terms common to all connectors.
 */
export interface Contact {
  /**
   * The type of the resource.
   */
  type: "contact";
  /**
   * The vendor's id.
   */
  id: string;
  /**
   * Given name.
   */
  firstName?: string;
  /**
   * Further given names.
   */
  middleName?: string;
  /**
   * Family name.
   */
  lastName?: string;
  /**
   * What stands before the name.
   */
  prefix?: string;
  /**
   * What stands after the name.
   */
  suffix?: string;
  /**
   * The whole name as shown.
   */
  displayName?: string;
  /**
   * What friends say.
   */
  nickname?: string;
  /**
   * Email addresses.
   */
  emails?: ContactEmail[];
  /**
   * Phone numbers.
   */
  phones?: ContactPhone[];
  /**
   * Postal addresses.
   */
  addresses?: ContactAddress[];
  /**
   * Where the person works.
   */
  organizations?: ContactOrganization[];
  /**
   * Birthday, or --MM-DD when the year is not known.
   */
  birthday?: string;
  /**
   * Web pages.
   */
  urls?: ContactUrl[];
  /**
   * Free text about the contact.
   */
  notes?: string;
  /**
   * Where a picture is.
   */
  photoUrl?: string;
  /**
   * Ids of the groups or lists it belongs to.
   */
  groups?: string[];
  /**
   * Labels as text.
   */
  tags?: string[];
  /**
   * Fields only this account has.
   */
  customFields?: ContactCustomField[];
  /**
   * When the vendor says it was created.
   */
  createdAt?: Time;
  /**
   * When the vendor says it last changed.
   */
  updatedAt?: Time;
}
/**
 * One email address.
 */
export interface ContactEmail {
  /**
   * The address.
   */
  value: string;
  type?: Label;
  primary?: Primary;
}
/**
 * One phone number.
 */
export interface ContactPhone {
  /**
   * The number as entered.
   */
  value: string;
  type?: Label;
  primary?: Primary;
  /**
   * The number in E.164 form.
   */
  canonical?: string;
}
/**
 * One postal address.
 */
export interface ContactAddress {
  type?: Label;
  primary?: Primary;
  /**
   * All of it as text.
   */
  formatted?: string;
  /**
   * Street and number.
   */
  street?: string;
  /**
   * Flat, floor, care of.
   */
  extended?: string;
  /**
   * Post office box.
   */
  poBox?: string;
  /**
   * Town or city.
   */
  city?: string;
  /**
   * State, province or county.
   */
  region?: string;
  /**
   * Postal code.
   */
  postalCode?: string;
  /**
   * Country by name.
   */
  country?: string;
  /**
   * Country by ISO 3166-1 alpha-2 code.
   */
  countryCode?: string;
}
/**
 * One place of work.
 */
export interface ContactOrganization {
  /**
   * Name of the organization.
   */
  name?: string;
  /**
   * What the person is called there.
   */
  jobTitle?: string;
  /**
   * Part of the organization.
   */
  department?: string;
  type?: Label;
  primary?: Primary;
}
/**
 * One web page.
 */
export interface ContactUrl {
  /**
   * The address.
   */
  value: string;
  type?: Label;
}
/**
 * One field of the account's own.
 */
export interface ContactCustomField {
  /**
   * Id or key of the field.
   */
  key: string;
  /**
   * How people see the field.
   */
  label?: string;
  /**
   * Its value, of any type.
   */
  value: unknown;
}
