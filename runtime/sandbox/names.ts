/** The words from which simulated people are made. Addresses use reserved example domains, so nothing can reach anybody. */

export const GIVEN_NAMES: readonly string[] =
  `Ada Aisha Akira Alejandro Amara Amélie Ana Anders Anil Anouk Arjun Astrid Beatriz Benjamin Björn Camille Carlos Chen Chloé
  Daniel Diego Dmitri Elena Elif Emma Erik Fatima Felix Femi Francesca Gabriel Giulia Grace Hana Hannah Hassan Hiroshi Ibrahim Ines
  Ingrid Isabel Ivan Jamal James Jasmin João Julia Kai Karim Kateryna Keiko Kofi Lars Layla Lea Leila Liam Lina Lucas Lucía Magnus
  Mahmoud María Mateo Maya Mei Mia Miguel Mina Nadia Naomi Niamh Noah Nora Oliver Olivia Omar Oscar Paolo Petra Priya Rafael Ravi
  Rosa Ruth Samuel Sara Sean Siobhán Sofia Sven Tariq Thandiwe Theo Tomás Uma Valentina Victor Wei Yara Yusuf Zanele Zoë`.split(
    /\s+/,
  );

export const FAMILY_NAMES: readonly string[] =
  `Abbott Adeyemi Ahmed Almeida Andersson Bakker Banerjee Becker Bergström Bianchi Brown Castillo Chen Cohen Costa Dąbrowski Das
  Dubois Edwards Eriksen Fernández Fischer Flores Fournier García González Goldberg Gupta Haddad Hansen Hernández Hoffmann Hughes
  Ito Ivanova Jensen Johansson Kamau Kaya Khan Kim Kowalski Kumar Larsen Laurent Lee Li Lindqvist López MacDonald Mahlangu Martin
  Mbeki Mendoza Meyer Moreau Müller Murphy Nakamura Nguyen Novák O'Brien Okafor Oliveira Owusu Papadopoulos Park Patel Pereira
  Petrov Popescu Quinn Ramírez Reyes Ricci Rossi Sato Schmidt Schneider Shevchenko Silva Singh Smith Sørensen Suzuki Tanaka Taylor
  Thompson Torres Tremblay Türk Varga Vasquez Visser Wagner Walker Wang Weber Williams Yamamoto Yılmaz Zhang Zimmermann`.split(
    /\s+/,
  );

export const COMPANIES: readonly string[] = [
  "Alder & Finch",
  "Blue Harbour Logistics",
  "Brightwater Dental",
  "Cedar Street Bakery",
  "Copperfield Legal",
  "Delta Roofing",
  "Evergreen Landscaping",
  "Fjord Analytics",
  "Greenline Transport",
  "Harrow Books",
  "Ironwood Construction",
  "Juniper Health",
  "Kite Software",
  "Lighthouse Insurance",
  "Maple Lane Realty",
  "Northgate Motors",
  "Oakridge School",
  "Pinnacle Fitness",
  "Quarry Hill Winery",
  "Redwood Capital",
  "Saffron Kitchen",
  "Tidewater Marine",
  "Umbra Studio",
  "Vela Photography",
  "Westbrook Clinic",
];

export const JOB_TITLES: readonly string[] = [
  "Account Manager",
  "Architect",
  "Accountant",
  "Chief Operating Officer",
  "Contractor",
  "Dentist",
  "Designer",
  "Electrician",
  "Head of Purchasing",
  "Lawyer",
  "Managing Director",
  "Nurse",
  "Office Manager",
  "Owner",
  "Photographer",
  "Product Manager",
  "Sales Representative",
  "Software Engineer",
  "Teacher",
  "Warehouse Lead",
];

export const DEPARTMENTS: readonly string[] = ["Finance", "Marketing", "Operations", "Sales", "Support"];

export const STREETS: readonly string[] = [
  "Birch Avenue",
  "Canal Road",
  "Church Street",
  "Elm Grove",
  "Garden Row",
  "Hill Street",
  "King's Road",
  "Lake View Drive",
  "Market Square",
  "Mill Lane",
  "Park Avenue",
  "Queen Street",
  "River Walk",
  "Station Road",
  "Vine Street",
];

/** A city with what its addresses and telephone numbers look like; `#` stands for a digit. */
export interface City {
  city: string;
  region?: string;
  postalCode: string;
  country: string;
  countryCode: string;
  phone: string;
}

export const CITIES: readonly City[] = [
  {
    city: "Austin",
    region: "TX",
    postalCode: "787##",
    country: "United States",
    countryCode: "US",
    phone: "(512) 555-01##",
  },
  {
    city: "Boston",
    region: "MA",
    postalCode: "021##",
    country: "United States",
    countryCode: "US",
    phone: "(617) 555-01##",
  },
  {
    city: "Seattle",
    region: "WA",
    postalCode: "981##",
    country: "United States",
    countryCode: "US",
    phone: "+1 206-555-01##",
  },
  {
    city: "Toronto",
    region: "ON",
    postalCode: "M5V 2T#",
    country: "Canada",
    countryCode: "CA",
    phone: "+1 416-555-01##",
  },
  { city: "London", postalCode: "SW1A #AA", country: "United Kingdom", countryCode: "GB", phone: "+44 20 7946 0###" },
  { city: "Leeds", postalCode: "LS# 4AP", country: "United Kingdom", countryCode: "GB", phone: "+44 113 496 0###" },
  { city: "Dublin", postalCode: "D02 X28#", country: "Ireland", countryCode: "IE", phone: "+353 20 910 ####" },
  { city: "Berlin", postalCode: "101##", country: "Germany", countryCode: "DE", phone: "+49 30 23125 ###" },
  { city: "Lyon", postalCode: "6900#", country: "France", countryCode: "FR", phone: "+33 4 65 71 ## ##" },
  { city: "Madrid", postalCode: "280##", country: "Spain", countryCode: "ES", phone: "+34 910 ### ###" },
  { city: "Stockholm", postalCode: "111 ##", country: "Sweden", countryCode: "SE", phone: "+46 8 465 004 ##" },
  {
    city: "Sydney",
    region: "NSW",
    postalCode: "20##",
    country: "Australia",
    countryCode: "AU",
    phone: "+61 2 5550 ####",
  },
  { city: "Mumbai", postalCode: "4000##", country: "India", countryCode: "IN", phone: "+91 22 5550 ####" },
  {
    city: "São Paulo",
    region: "SP",
    postalCode: "01310-0##",
    country: "Brazil",
    countryCode: "BR",
    phone: "+55 11 5550 ####",
  },
  { city: "Osaka", postalCode: "530-00##", country: "Japan", countryCode: "JP", phone: "+81 6 5550 ####" },
];

export const EMAIL_DOMAINS: readonly string[] = ["example.com", "example.org", "example.net", "mail.example.com"];

export const NOTES: readonly string[] = [
  "Met at the trade fair; wants a quote in the spring.",
  "Prefers to be called after four.",
  "Neighbour of the Hill Street office.\nHas the spare key.",
  "Allergic to nuts.",
  "Introduced by the accountant. Follow up on the lease.",
  "Speaks French and Portuguese.",
];

export const GROUP_NAMES: readonly string[] = ["Customers", "Suppliers", "Book club", "Newsletter", "VIP"];

export const TASK_TITLES: readonly string[] = [
  "Call the accountant",
  "Send the quote",
  "Book a room for Thursday",
  "Renew the insurance",
  "Order more paper",
  "Read the contract",
  "Water the plants",
];

export const EVENT_TITLES: readonly string[] = [
  "Budget review",
  "Lunch with the team",
  "Site visit",
  "Dentist",
  "Demonstration",
  "Weekly planning",
];

export const MAIL_SUBJECTS: readonly string[] = [
  "Invoice for November",
  "Are you coming on Friday?",
  "Your order is on its way",
  "Notes from the meeting",
  "Quote for the new roof",
  "Re: Lease",
];
