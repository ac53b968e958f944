//! The collections that the SDK has: a line each.

use nexo_core::model::{
    Client, Department, Employee, Entity, Professional, Project, Supplier, Task,
};

use crate::nexo::Nexo;
use crate::resource::Resource;

macro_rules! collections {
    ($($(#[$doc:meta])* $name:ident: $entity:ty,)*) => {
        impl Nexo {
            $($(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> Resource<$entity> {
                Resource::new(self)
            })*
        }

        /// The names of all collections that have a [`Resource`], as they stand
        /// in URLs, in searches and in imports.
        pub const COLLECTIONS: &[&str] = &[$(<$entity>::COLLECTION),*];
    };
}

collections! {
    /// The account's clients.
    clients: Client,
    /// The account's departments.
    departments: Department,
    /// The account's employees.
    employees: Employee,
    /// The account's suppliers.
    suppliers: Supplier,
    /// The account's professionals from outside.
    professionals: Professional,
    /// The account's projects.
    projects: Project,
    /// The account's tasks.
    tasks: Task,
}
