//! Records, and what answers hold records.

use nexo_core::Table;
use nexo_core::model::{
    BatchError, BatchOutcome, BatchResult, Client, Department, Employee, Entity, Erased, ErrorCode,
    FieldCode, FieldError, Hit, Id, Included, Page, Person, PersonalData, Piece, Professional,
    Project, ReferringRecord, SearchResult, Supplier, Task,
};
use serde_json::{Value, json};

use super::audit::entry_of;
use super::{ADA, CLIENT, NOW, Sample, id, uuid};

const DEPARTMENT: Id<Department> = id(0x11);
const EMPLOYEE: Id<Employee> = id(0x12);
const SUPPLIER: Id<Supplier> = id(0x13);
const PROFESSIONAL: Id<Professional> = id(0x14);
const PROJECT: Id<Project> = id(0x15);
pub(super) const TASK: Id<Task> = id(0x16);

impl Sample for Client {
    fn sample() -> Self {
        stored(CLIENT, json!({ "owner_id": ADA }))
    }
}

impl Sample for Department {
    fn sample() -> Self {
        stored(DEPARTMENT, json!({ "head_id": EMPLOYEE }))
    }
}

impl Sample for Employee {
    fn sample() -> Self {
        stored(EMPLOYEE, json!({ "department_id": DEPARTMENT, "user_id": ADA }))
    }
}

impl Sample for Supplier {
    fn sample() -> Self {
        stored(SUPPLIER, json!({ "owner_id": ADA }))
    }
}

impl Sample for Professional {
    fn sample() -> Self {
        stored(PROFESSIONAL, json!({ "owner_id": ADA }))
    }
}

impl Sample for Project {
    fn sample() -> Self {
        let members = json!([{ "employee_id": EMPLOYEE, "role": "Lead" }]);
        stored(PROJECT, json!({ "client_id": CLIENT, "owner_id": ADA, "members": members }))
    }
}

impl Sample for Task {
    fn sample() -> Self {
        let more = json!({
            "project_id": PROJECT, "assignee_employee_id": EMPLOYEE, "owner_id": ADA,
        });
        stored(TASK, more)
    }
}

/// What becomes of an entity's example when it is created, and these fields are set.
fn stored<T: Entity>(id: Id<T>, more: Value) -> T {
    let mut record = json!({
        "id": id, "version": 1, "created_at": NOW, "created_by": ADA, "updated_at": NOW,
    });
    for fields in [super::json(&T::example(1)), more] {
        for (name, value) in fields.as_object().into_iter().flatten() {
            record[name] = value.clone();
        }
    }
    serde_json::from_value(record).expect("a record is what was created, and what a server adds")
}

impl<T: Table + Sample> Sample for Page<T> {
    fn sample() -> Self {
        let next_cursor = Some("…".to_owned());
        Self { data: vec![T::sample()], next_cursor, count: None, included: Included::default() }
    }
}

impl<T: Table + Sample> Sample for BatchResult<T> {
    fn sample() -> Self {
        let name = T::FIELDS.iter().find(|name| ["name", "company", "title"].contains(name));
        let missing = FieldError::new(*name.unwrap_or(&"id"), FieldCode::Required, "is missing");
        let refused = BatchError {
            code: ErrorCode::ValidationFailed,
            detail: "1 field was refused".to_owned(),
            errors: vec![missing],
        };
        let refused = BatchOutcome::Failed { error: refused };
        Self::from(vec![BatchOutcome::Created { record: T::sample() }, refused])
    }
}

impl<T: Table + Person + Sample> Sample for PersonalData<T> {
    fn sample() -> Self {
        let record = T::sample();
        let history = vec![entry_of(T::COLLECTION, *record.id().as_uuid())];
        let referred_by = vec![ReferringRecord {
            collection: "projects".to_owned(),
            field: "client_id".to_owned(),
            id: *PROJECT.as_uuid(),
            name: "Difference engine".to_owned(),
            role: None,
        }];
        Self {
            record: Some(record),
            referred_by,
            import_rows: Vec::new(),
            answers: Vec::new(),
            history,
            is_complete: true,
        }
    }
}

impl<T: Table + Person + Sample> Sample for Erased<T> {
    fn sample() -> Self {
        let mut record = super::json(&T::sample());
        for field in T::FIELDS {
            // Whatever may be absent is: all that could name the person.
            let was = record[*field].take();
            if T::deserialize(&record).is_err() {
                record[*field] = if was.is_array() { json!([]) } else { was };
            }
        }
        let name = if record.get("company").is_some() { "company" } else { "name" };
        record[name] = json!(T::ERASED);
        let record = serde_json::from_value(record).expect("each field was tried");
        Self { record: Some(record), entries: 3, import_rows: 1, answers: 1 }
    }
}

impl Sample for SearchResult {
    fn sample() -> Self {
        let piece = |text: &str, matched| Piece { text: text.to_owned(), matched };
        let hit = Hit {
            collection: Client::COLLECTION.to_owned(),
            id: uuid(0x10),
            title: "Babbage & Sons".to_owned(),
            field: "name".to_owned(),
            snippet: vec![piece("Babbage", true), piece(" & Sons", false)],
        };
        Self { data: vec![hit] }
    }
}
