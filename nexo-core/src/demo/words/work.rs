//! What people do: departments, titles, projects and tasks.

/// Each with the place of the one that it is part of.
pub(in crate::demo) const DEPARTMENTS: &[(&str, Option<u32>)] = &[
    ("Management", None),
    ("Sales", Some(0)),
    ("Operations", Some(0)),
    ("Finance", Some(0)),
    ("Customer Success", Some(1)),
    ("Engineering", Some(0)),
    ("Marketing", Some(0)),
    ("People", Some(0)),
    ("Inside Sales", Some(1)),
    ("Key Accounts", Some(1)),
    ("Purchasing", Some(2)),
    ("Logistics", Some(2)),
    ("Accounting", Some(3)),
    ("Quality", Some(5)),
    ("Support", Some(4)),
    ("Onboarding", Some(4)),
    ("Platform", Some(5)),
    ("Product", Some(5)),
    ("Events", Some(6)),
    ("Content", Some(6)),
    ("Recruiting", Some(7)),
    ("Controlling", Some(3)),
    ("Warehouse", Some(11)),
    ("Export", Some(8)),
];

/// The first ones are the most common.
pub(in crate::demo) const TITLES: &[&str] = &[
    "Account Manager", "Sales Representative", "Project Manager", "Software Engineer", "Support Specialist",
    "Accountant", "Buyer", "Logistics Coordinator", "Marketing Manager", "Product Manager", "Quality Engineer",
    "Recruiter", "Controller", "Designer", "Data Analyst", "Office Manager", "Warehouse Clerk", "Translator",
    "Legal Counsel", "Apprentice",
];

pub(in crate::demo) const CATEGORIES: &[&str] = &[
    "Office supplies", "Packaging", "IT hardware", "Transport", "Metal parts", "Software", "Cleaning", "Energy",
    "Printing", "Catering", "Electronics", "Furniture", "Chemicals", "Safety equipment", "Brass parts", "Paper",
];
pub(in crate::demo) const TERMS: &[&str] = &[
    "30 days net", "14 days net", "14 days 2 %, 30 days net", "60 days net", "Prepayment", "On delivery",
    "End of month", "Letter of credit",
];

/// A specialty and its skills.
pub(in crate::demo) const SPECIALTIES: &[(&str, &[&str])] = &[
    ("Web development", &["javascript", "typescript", "css", "accessibility", "rust", "postgresql"]),
    ("Graphic design", &["branding", "illustration", "typography", "packaging", "print"]),
    ("Translation", &["french", "spanish", "polish", "mandarin", "technical texts", "contracts"]),
    ("Project management", &["scrum", "budgeting", "risk", "facilitation", "prince2"]),
    ("Tax advice", &["vat", "customs", "annual accounts", "transfer pricing"]),
    ("Photography", &["portraits", "products", "events", "drone"]),
    ("Data engineering", &["sql", "python", "etl", "dashboards", "postgresql"]),
    ("Copywriting", &["newsletters", "case studies", "seo", "speeches"]),
    ("Electrical planning", &["cad", "lighting", "solar", "inspections"]),
    ("Training", &["sales", "safety", "languages", "leadership"]),
    ("Architecture", &["interiors", "permits", "bim", "monuments"]),
    ("Cartography", &["gis", "surveying", "sea charts"]),
];

/// What projects are about, and what people do in them.
pub(in crate::demo) const PROJECTS: &[&str] = &[
    "Website relaunch", "Framework contract", "Warehouse move", "Pilot order", "Product launch", "ERP roll-out",
    "Trade fair stand", "Yearly maintenance", "Customer portal", "Store refit", "Packaging redesign",
    "Fleet renewal", "Data migration", "Energy audit", "Training series", "Market study", "Factory extension",
    "Price negotiation", "Certification", "Anniversary", "Greenhouse", "Observatory dome",
];
pub(in crate::demo) const ROLES: &[&str] = &[
    "Lead", "Consultant", "Developer", "Designer", "Coordinator", "Analyst", "Reviewer", "Translator", "Site manager",
];

/// With the slots of notes.
pub(in crate::demo) const TASKS: &[&str] = &[
    "Call about {T}", "Send the offer for {P}", "Prepare the meeting on {D}", "Write the minutes",
    "Check the invoice R-######", "Follow up on offer Q-#####", "Order {P}", "Update the schedule",
    "Collect requirements for {T}", "Review the contract", "Ask for references", "Plan the visit in {M}",
    "Test the delivery of {P}", "Draft the budget", "Approve the design in {K}", "Settle the complaint about {T}",
    "Book the room for {D}", "Translate the manual for {P}", "Inspect batch ####", "Archive the documents of {M}",
    "Train the team in {T}", "Measure the site", "Find a supplier for {P}", "Calibrate the {P}",
];
