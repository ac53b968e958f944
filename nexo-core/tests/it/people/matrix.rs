//! Each role and each operation of each table.

use nexo_core::model::{ErrorCode, Permission, Permissions};
use nexo_core::testing::{Operation, id_of, registered_tables};
use nexo_core::tokio_postgres::error::SqlState;
use serde_json::json;

use super::{ROLES, World, role};

/// What this program believes of permissions and roles is what the database
/// does.
#[tokio::test]
async fn permissions_are_the_same_here_and_in_the_database() {
    let world = World::create().await;
    let superuser = world.test.superuser().await;
    let names: Vec<&str> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    let sql = "select count(distinct nexo.permission(name)), bit_or(nexo.permission(name))
        from unnest($1::text[]) as name";
    let row = superuser.query_one(sql, &[&names]).await.expect("counted");
    let (count, all): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(count, i64::try_from(names.len()).expect("few"), "each has a number of its own");
    assert_eq!(i64::from(all.count_ones()), count, "each number is one place");
    for built_in in ROLES {
        let sql = "select name from unnest($1::text[]) as name
            where nexo.role_permissions($2) & nexo.permission(name) <> 0";
        let rows = superuser.query(sql, &[&names, &built_in.as_str()]).await.expect("asked");
        let granted: Permissions =
            rows.iter().filter_map(|row| Permission::parse(row.get(0))).collect();
        assert_eq!(granted, built_in.permissions(), "{built_in}");
        assert_eq!(granted.closed(), granted, "{built_in} has what its permissions need");
        // The mask is the one that the token of such a member has.
        let scope = world.join(*built_in).await.scope;
        assert_eq!(scope.permissions(), granted, "{built_in}");
    }
}

/// P2: every role does what it may and nothing else, and what is refused has
/// not been done.
#[tokio::test]
async fn p2_every_role_does_what_it_may_and_nothing_else() {
    let world = World::create().await;
    let none = world.role(&world.owner.scope, role("Nobody", Permissions::NONE, &[])).await;
    let mut scopes = vec![("nobody".to_owned(), world.join(none.expect("made").id).await.scope)];
    for built_in in ROLES {
        scopes.push((built_in.to_string(), world.join(*built_in).await.scope));
    }
    let (mut tried, mut refused, mut number) = (0, 0, 0);
    for table in registered_tables() {
        for (name, scope) in &scopes {
            number += 10;
            let record = table.create_example(&world.database, &world.owner.scope, number).await;
            let id = id_of(&record);
            let (read, write) = (table.to_read, table.to_write);
            let new = table.example(number + 1);
            let mut create = json!({ "mode": "atomic", "operations": [] });
            create["operations"] = json!([{ "op": "create", "record": table.example(number + 2) }]);
            let delete = json!({ "mode": "each", "operations": [{ "op": "delete", "id": id }] });
            let imports = write | Permission::ImportRun;
            let rows = vec![table.example(number + 3)];
            let operations: Vec<(Operation, Permissions)> = vec![
                (Operation::List(vec![]), read.into()),
                (Operation::Get(id), read.into()),
                (Operation::Export(vec![]), read.into()),
                (Operation::Create(new.clone()), write.into()),
                (Operation::Replace(id, new), write.into()),
                (Operation::Patch(id, json!({})), write.into()),
                (Operation::Archive(id), write.into()),
                (Operation::Restore(id), write.into()),
                (Operation::Batch(create), write.into()),
                (Operation::Import(rows, nexo_core::model::Duplicates::Refuse), imports),
                (Operation::Batch(delete), table.to_delete.into()),
                (Operation::Delete(id), table.to_delete.into()),
            ];
            for (operation, needed) in operations {
                tried += 1;
                let (told, may) = (format!("{operation:?}"), scope.permissions().contain(needed));
                let done = table.perform(&world.database, scope, operation).await;
                let forbidden = done.as_ref().is_err_and(|e| e.code() == ErrorCode::Forbidden);
                refused += usize::from(forbidden);
                assert_eq!(forbidden, !may, "{name} {} {told}: {done:?}", table.collection);
            }
        }
    }
    println!("{tried} operations, {refused} refused");
    assert_eq!(tried, registered_tables().len() * scopes.len() * 12);
}

/// Were a check forgotten in the program, the database would refuse all the
/// same.
#[tokio::test]
async fn the_database_refuses_what_the_program_would_let_pass() {
    let world = World::create().await;
    let app = world.test.as_app().await;
    let account = world.owner.scope.account_id();
    for (number, table) in (1..).zip(registered_tables()) {
        let record = table.create_example(&world.database, &world.owner.scope, number).await;
        let id = id_of(&record);
        let mask = |permission: Permission| format!("nexo.permission('{permission}')");
        let name = table.name;
        for (permissions, sees, changes, deletes) in [
            ("0".to_owned(), 0, 0, 0),
            (mask(table.to_read), 1, 0, 0),
            (format!("{} | {}", mask(table.to_read), mask(table.to_write)), 1, 1, 0),
            (format!("{} | {}", mask(table.to_read), mask(table.to_delete)), 1, 0, 1),
        ] {
            let row = app.query_one(&format!("select ({permissions})::text"), &[]).await;
            let bits: String = row.expect("a number").get(0);
            let begin = format!(
                "begin; set local nexo.account_id = '{account}'; set local nexo.permissions = '{bits}'"
            );
            app.batch_execute(&begin).await.expect("begins");
            let all = format!("select id from {name} where account_id = $1 and id = $2");
            let seen = app.query(&all, &[&account, &id]).await.expect("selects");
            assert_eq!(seen.len(), sees, "{name} {permissions}");
            let change =
                format!("update {name} set version = version where account_id = $1 and id = $2");
            let changed = app.execute(&change, &[&account, &id]).await.expect("updates");
            assert_eq!(changed, changes, "{name} {permissions}");
            let delete = format!("delete from {name} where account_id = $1 and id = $2");
            let deleted = app.execute(&delete, &[&account, &id]).await.expect("deletes");
            assert_eq!(deleted, deletes, "{name} {permissions}");
            app.batch_execute("rollback").await.expect("ends");
        }
    }
    // Of what is inserted, one table is enough: all have the same policy.
    for (permissions, refused) in [("1", true), ("3", false)] {
        let begin = format!(
            "begin; set local nexo.account_id = '{account}'; set local nexo.permissions = '{permissions}'"
        );
        app.batch_execute(&begin).await.expect("begins");
        let insert = "insert into nexo.clients (account_id, id, name, kind, status)
            values ($1, gen_random_uuid(), 'x', 'person', 'lead')";
        let done = app.execute(insert, &[&account]).await;
        let code = done.err().and_then(|error| error.code().cloned());
        assert_eq!(code, refused.then_some(SqlState::INSUFFICIENT_PRIVILEGE));
        app.batch_execute("rollback").await.expect("ends");
    }
}

/// A search finds what may be seen, and is refused where that is asked for by
/// name or nothing is left.
#[tokio::test]
async fn a_search_keeps_to_what_may_be_seen() {
    use nexo_core::model::{NewTask, SearchParams, Task};
    let world = World::create().await;
    world.client(&world.owner.scope).await.expect("created");
    let task = NewTask { title: "Call Ada".to_owned(), ..NewTask::default() };
    world.database.repository::<Task>().create(&world.owner.scope, &task).await.expect("created");
    let search = async |scope, collections: &[&str]| {
        let collections = collections.iter().map(|it| (*it).to_owned()).collect();
        let params = SearchParams { q: "ada".to_owned(), collections, ..SearchParams::default() };
        let found = world.database.search(scope, &params).await;
        found.map(|it| it.data.into_iter().map(|hit| hit.collection).collect::<Vec<_>>())
    };
    let only = |permission| role(&format!("{permission}"), permission, &[]);
    let tasks = world.role(&world.owner.scope, only(Permission::TaskRead)).await.expect("made");
    let nobody = world.role(&world.owner.scope, role("Nobody", Permissions::NONE, &[])).await;
    let tasks = world.join(tasks.id).await.scope;
    let nobody = world.join(nobody.expect("made").id).await.scope;

    assert_eq!(search(&world.owner.scope, &[]).await.expect("found").len(), 2);
    assert_eq!(search(&tasks, &[]).await.expect("found"), ["tasks"]);
    for (scope, collections) in
        [(&tasks, &["clients"][..]), (&tasks, &["tasks", "clients"]), (&nobody, &[])]
    {
        let refused = search(scope, collections).await.expect_err("refused");
        assert_eq!(refused.code(), ErrorCode::Forbidden);
    }
}
