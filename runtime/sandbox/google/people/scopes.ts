const PREFIX = "https://www.googleapis.com/auth/";

export const CONTACTS = `${PREFIX}contacts`;
export const CONTACTS_READONLY = `${PREFIX}contacts.readonly`;
export const OTHER_CONTACTS_READONLY = `${PREFIX}contacts.other.readonly`;

/** Any of these is enough to read the people one has as contacts. */
export const READ_CONTACTS: readonly string[] = [CONTACTS, CONTACTS_READONLY];

/** Any of these is enough to read single people. */
export const READ_PEOPLE: readonly string[] = [
  ...READ_CONTACTS,
  OTHER_CONTACTS_READONLY,
  `${PREFIX}directory.readonly`,
  `${PREFIX}userinfo.email`,
  `${PREFIX}userinfo.profile`,
];
