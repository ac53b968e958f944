//! Imports, and what somebody sees first.

use std::collections::BTreeMap;

use nexo_core::model::{
    AuditAction, BudgetTotal, Client, ClientStatus, Dashboard, DashboardAccount, DashboardWork,
    Duplicates, Entity, FieldCode, FieldError, Import, ImportReport, ImportStatus, Imports,
    MemberCount, MyTasks, Pipeline, Profile, Project, ProjectStatus, RecentActivity, RecordCount,
    ReportedRow, RowOutcome, SheetFormat, Task, TaskStatus,
};

use super::{ADA, CLIENT, ENTRY, FILE, NOW, Sample, id};

impl Sample for Import {
    fn sample() -> Self {
        Self {
            id: id(0x09),
            collection: Client::COLLECTION.to_owned(),
            format: SheetFormat::Csv,
            file_name: Some("clients.csv".to_owned()),
            size: FILE.len() as u64,
            received: FILE.len() as u64,
            duplicates: Duplicates::Refuse,
            key: "external_id".to_owned(),
            dry_run: false,
            status: ImportStatus::Done,
            detail: None,
            errors: Vec::new(),
            columns: ["external_id", "name"].map(|name| Some(name.to_owned())).to_vec(),
            total: Some(1),
            processed: 1,
            created: 1,
            changed: 0,
            skipped: 0,
            failed: 0,
            reverted: 0,
            kept: 0,
            created_at: NOW,
            created_by: Some(ADA),
            updated_at: NOW,
        }
    }
}

impl Sample for Imports {
    fn sample() -> Self {
        Self { data: vec![Import::sample()] }
    }
}

impl Sample for ImportReport {
    fn sample() -> Self {
        let row = ReportedRow {
            row: 3,
            outcome: RowOutcome::Failed,
            key: Some("c-2".to_owned()),
            record_id: None,
            errors: vec![FieldError::new("name", FieldCode::Required, "must not be empty")],
        };
        Self { data: vec![row], next_after: None }
    }
}

impl Sample for Dashboard {
    fn sample() -> Self {
        let (account, work) = (Some(Sample::sample()), Some(Sample::sample()));
        Self { account, work, partial: false, missing: Vec::new() }
    }
}

impl Sample for DashboardAccount {
    fn sample() -> Self {
        Self {
            profile: Some(Profile::sample()),
            members: Some(MemberCount { active: 4, disabled: 1 }),
            open_invitations: Some(2),
            partial: false,
        }
    }
}

impl Sample for DashboardWork {
    fn sample() -> Self {
        let count = |collection: &str, active| {
            (collection.to_owned(), Some(RecordCount { active, archived: 0 }))
        };
        let activity = RecentActivity {
            id: ENTRY,
            at: NOW,
            action: AuditAction::Create,
            subject: Client::COLLECTION.to_owned(),
            record_id: Some(*CLIENT.as_uuid()),
            user_id: Some(ADA),
            user_name: Some("Ada".to_owned()),
        };
        let budget = BudgetTotal {
            currency: "GBP".to_owned(),
            projects: 1,
            total: "17000.00".to_owned(),
            open: "17000.00".to_owned(),
        };
        Self {
            counts: BTreeMap::from([
                count(Client::COLLECTION, 1),
                count(Project::COLLECTION, 1),
                count(Task::COLLECTION, 1),
            ]),
            pipeline: Pipeline {
                clients: Some(standing(ClientStatus::ALL, ClientStatus::Active)),
                projects: Some(standing(ProjectStatus::ALL, ProjectStatus::default())),
                tasks: Some(standing(TaskStatus::ALL, TaskStatus::default())),
            },
            budgets: Some(vec![budget]),
            my_tasks: Some(MyTasks { open: 1, overdue: 0, data: vec![Task::sample()] }),
            recent_activity: Some(vec![activity]),
            recent_records: None,
        }
    }
}

/// One record that stands there, and none elsewhere.
fn standing<S: Copy + PartialEq + ToString>(all: &[S], one: S) -> BTreeMap<String, u64> {
    all.iter().map(|status| (status.to_string(), u64::from(*status == one))).collect()
}
