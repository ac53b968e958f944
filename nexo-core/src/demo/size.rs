//! What to fill an account with, and how much of each.

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::model::{
    Client, Department, Employee, Entity, Id, Professional, Project, Supplier, Task, User,
};

/// What to fill an account with. What there is of the rest follows from the
/// number of clients:
///
/// | collection | for `N` clients |
/// |---|---|
/// | clients, tasks | `N` each |
/// | projects | `N` / 5, at least 2, with one to four members each |
/// | suppliers, professionals | `N` / 20 each, at least 2 |
/// | employees | `N` / 50, from 5 to 2,000 |
/// | departments | a quarter of the employees, from 4 to 24 |
///
/// About 3 % of clients, suppliers, professionals, projects and tasks are
/// archived.
#[derive(Debug, Clone)]
pub struct Demo {
    pub(super) clients: u32,
    pub(super) seed: u64,
    pub(super) until: Timestamp,
    pub(super) owner: Option<Id<User>>,
}

impl Demo {
    /// The fewest clients that an account is filled with.
    pub const FEWEST: u32 = 10;
    /// The most.
    pub const MOST: u32 = 1_000_000;

    /// So many clients and what belongs to them, created in the three years
    /// before now.
    ///
    /// # Errors
    /// When there are less than [`FEWEST`](Self::FEWEST) or more than
    /// [`MOST`](Self::MOST).
    pub fn of(clients: u32) -> Result<Self> {
        if !(Self::FEWEST..=Self::MOST).contains(&clients) {
            let (fewest, most) = (Self::FEWEST, Self::MOST);
            return Err(Error::setup(format!("clients must be from {fewest} to {most}")));
        }
        Ok(Self { clients, seed: 1, until: Timestamp::now(), owner: None })
    }

    /// Another seed than 1. The same seed gives the same content.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The three years end then. With the same end, the dates are the same too.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Self {
        self.until = end;
        self
    }

    /// A user of the account, who then leads it, as its first employee, and
    /// answers for most of its projects.
    #[must_use]
    pub fn owner(mut self, owner: Id<User>) -> Self {
        self.owner = Some(owner);
        self
    }

    pub(super) fn count(&self, kind: Kind) -> u32 {
        let clients = self.clients;
        let employees = (clients / 50).clamp(5, 2_000);
        match kind {
            Kind::Department => (employees / 4).clamp(4, 24),
            Kind::Employee => employees,
            Kind::Supplier | Kind::Professional => (clients / 20).max(2),
            Kind::Client | Kind::Task => clients,
            Kind::Project => clients / 5,
        }
    }
}

/// The collections, in the order in which they are filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Department,
    Employee,
    Supplier,
    Professional,
    Client,
    Project,
    Task,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::Department,
        Self::Employee,
        Self::Supplier,
        Self::Professional,
        Self::Client,
        Self::Project,
        Self::Task,
    ];
    /// Those that may be too many for one statement.
    pub(super) const CHUNKED: [Self; 5] =
        [Self::Supplier, Self::Professional, Self::Client, Self::Project, Self::Task];

    pub(super) const fn collection(self) -> &'static str {
        match self {
            Self::Department => Department::COLLECTION,
            Self::Employee => Employee::COLLECTION,
            Self::Supplier => Supplier::COLLECTION,
            Self::Professional => Professional::COLLECTION,
            Self::Client => Client::COLLECTION,
            Self::Project => Project::COLLECTION,
            Self::Task => Task::COLLECTION,
        }
    }
}

/// What was made, by collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Filled {
    /// Clients, archived ones included, as everywhere here.
    pub clients: u64,
    /// Departments.
    pub departments: u64,
    /// Employees.
    pub employees: u64,
    /// Suppliers.
    pub suppliers: u64,
    /// Professionals.
    pub professionals: u64,
    /// Projects.
    pub projects: u64,
    /// Members of projects; no collection of their own.
    pub project_members: u64,
    /// Tasks.
    pub tasks: u64,
}

impl Filled {
    /// Each collection with its rows.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 8] {
        [
            ("clients", self.clients),
            ("departments", self.departments),
            ("employees", self.employees),
            ("suppliers", self.suppliers),
            ("professionals", self.professionals),
            ("projects", self.projects),
            ("project members", self.project_members),
            ("tasks", self.tasks),
        ]
    }

    pub(super) fn add(&mut self, kind: Kind, rows: u32) {
        let count = match kind {
            Kind::Department => &mut self.departments,
            Kind::Employee => &mut self.employees,
            Kind::Supplier => &mut self.suppliers,
            Kind::Professional => &mut self.professionals,
            Kind::Client => &mut self.clients,
            Kind::Project => &mut self.projects,
            Kind::Task => &mut self.tasks,
        };
        *count += u64::from(rows);
    }

    /// All rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts().iter().map(|(_, rows)| rows).sum()
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The collection that is being filled.
    pub collection: &'static str,
    /// Records that are written, of all collections.
    pub written: u64,
    /// Records that there will be.
    pub of: u64,
}
