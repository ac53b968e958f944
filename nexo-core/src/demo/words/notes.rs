//! Sentences of notes and descriptions. The first ones are the most common, so
//! that words are as unevenly spread as in real notes.
//!
//! `{P}` stands for a product, `{M}` for a month, `{D}` for a day of the week,
//! `{T}` for a topic, `{K}` for a colour, and `#` for a digit.

pub(in crate::demo) const NOTES: &[&str] = &[
    "Asked for an offer on {P}.",
    "Prefers to be called on {D}.",
    "Wants the invoice by e-mail.",
    "Met at the trade fair in {M}.",
    "Interested in {P} and {P}.",
    "Send the new price list in {M}.",
    "Call back about {T}.",
    "Order A-##### delivered on time.",
    "Delivery only on {D}, the gate closes at 16:00.",
    "Pays within 14 days.",
    "Needs {P} in {K}.",
    "Complained about {T}; settled with a credit note.",
    "Budget is decided in {M}.",
    "Recommended by a neighbour.",
    "The contract ends in {M}.",
    "Offer Q-##### is open.",
    "Compares us with two competitors.",
    "Moved to a new building in {M}.",
    "Would like a visit on {D}.",
    "Needs a certificate of origin for {P}.",
    "Wants to talk about {T} before the next order.",
    "Uses our {P} since the first year.",
    "Reminder sent for invoice R-######.",
    "Has a second site with its own purchasing.",
    "Please write, never call.",
    "The buyer changed in {M}.",
    "Sample of {P} sent, batch ####.",
    "Asks for a discount at every order.",
    "Was on the phone about {T} and sounded pleased.",
    "Needs {K} labels on every box.",
    "Closed in August.",
    "Accepts part deliveries.",
    "Wishes a customs invoice in three copies.",
    "Tender ####-## announced for {M}.",
    "Speaks French and some Portuguese.",
    "Deliver through the courtyard; mind the {K} barrier.",
    "Their warehouse software expects EDIFACT.",
    "Serial number ##-#####-### was exchanged under warranty.",
    "Collects {P} privately.",
    "Keeps bees, and sends honey at the end of the year.",
];

pub(in crate::demo) const SLOT_MONTHS: &[&str] = &[
    "September", "March", "January", "October", "June", "November", "April", "May", "February", "July",
    "December", "August",
];
pub(in crate::demo) const SLOT_DAYS: &[&str] =
    &["Monday", "Thursday", "Tuesday", "Wednesday", "Friday", "Saturday"];
pub(in crate::demo) const SLOT_TOPICS: &[&str] = &[
    "prices", "delivery", "the contract", "quality", "payment terms", "a late shipment", "training", "support",
    "the renewal", "returns", "packaging", "insurance", "customs", "the audit", "a data export", "spare parts",
    "accessibility", "the anniversary", "asbestos", "a patent",
];
pub(in crate::demo) const SLOT_COLOURS: &[&str] =
    &["grey", "white", "blue", "black", "green", "red", "anthracite", "ochre", "turquoise", "magenta"];
