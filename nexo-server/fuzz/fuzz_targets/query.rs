//! The parameters of lists, exports, searches and the audit log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nexo_server::fuzzing::query;

const SEEDS: [&str; 4] = [
    "status=todo&status=in_progress&due_on.lt=2026-12-01&sort=due_on&limit=20&count=estimated&expand=project",
    "q=m%C3%BCller+7946&in=clients,tasks&limit=20",
    "format=xlsx&fields=id,title&archived=true&budget.gte=1250.5&owner_id.null=true",
    "subject=clients&action=delete&from=2026-01-31T00:00:00Z&cursor=abc",
];

fuzz_target!(init: nexo_fuzz::sow(|| SEEDS.to_vec()), |text: &str| query(text));
