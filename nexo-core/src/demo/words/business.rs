//! What companies are called and deal in.

pub(in crate::demo) const COINED_STARTS: &[&str] = &[
    "Nor", "Vel", "Alti", "Sol", "Terra", "Lumi", "Quanti", "Ever", "Blue", "Ferro", "Hydra", "Nova", "Orbi",
    "Pan", "Rivo", "Silva", "Tecto", "Ultra", "Viri", "Zeni", "Aero", "Cali", "Domi", "Élan", "Fjord",
];
pub(in crate::demo) const COINED_ENDS: &[&str] = &[
    "vex", "tec", "nova", "dyne", "line", "works", "ware", "stone", "mark", "lux", "form", "gate", "path",
    "field", "craft", "sys", "port", "wave", "core", "leaf",
];

/// The first ones are the most common.
pub(in crate::demo) const TRADES: &[&str] = &[
    "Consulting", "Logistics", "Foods", "Engineering", "Design", "Software", "Construction", "Textiles",
    "Pharma", "Energy", "Travel", "Printing", "Optics", "Furniture", "Ceramics", "Bakery", "Instruments",
    "Packaging", "Robotics", "Shipping", "Insurance", "Catering", "Metalworks", "Gardens", "Publishing",
    "Cosmetics", "Dental", "Bicycles", "Vineyards", "Elevators", "Clockworks", "Breweries", "Tanneries",
    "Observatories", "Cartography",
];

/// Where people have their mail; all under `example`, which nobody can have.
pub(in crate::demo) const MAILBOXES: &[&str] = &[
    "gmail.example", "outlook.example", "mail.example", "post.example", "icloud.example", "web.example",
    "proton.example", "orange.example", "libero.example", "qq.example", "zoho.example", "fastmail.example",
    "interia.example", "telia.example", "uni-mail.example", "old-town.example",
];

pub(in crate::demo) const TAGS: &[&str] = &[
    "newsletter", "priority", "retail", "wholesale", "export", "partner", "public sector", "trial", "referral",
    "trade fair", "non-profit", "seasonal", "framework contract", "credit hold", "lighthouse", "beta",
];

pub(in crate::demo) const PRODUCTS: &[&str] = &[
    "shelving", "office chairs", "packaging film", "LED panels", "steel brackets", "ball bearings", "water filters",
    "label printers", "scanner licences", "fleet tyres", "workwear", "pallets", "gearboxes", "glass jars",
    "espresso machines", "solar modules", "valves", "network cabinets", "acoustic panels", "hinges", "copper wire",
    "greenhouse foil", "barometers", "paper rolls", "ship's bells", "telescopes", "music boxes", "sextants",
];
