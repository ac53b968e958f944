//! Every collection through the SDK: filters, what comes along, batches, search.

use nexo_client::model::{
    Batch, BatchMode, BatchOperation, BatchOutcome, Client, ClientFilter, ClientStatus, CountMode,
    Decimal, Entity, ErrorCode, ListParams, NewClient, NewDepartment, NewEmployee, NewProfessional,
    NewProject, NewSupplier, NewTask, OneOf, Project, SearchParams, Sort, Task, TaskFilter,
    TaskStatus, Within,
};
use nexo_client::{COLLECTIONS, Nexo, Resource};
use nexo_core::testing::registered_tables;

use crate::world::World;

/// Creates, reads, lists, archives, restores and deletes, whatever it is.
async fn life<T: Entity>(of: Resource<T>, new: T::New) -> T {
    let made = of.create(&new).await.unwrap();
    assert_eq!(of.get(made.id()).await.unwrap(), made);
    let replaced = of.if_version(1).replace(made.id(), &new).await.unwrap();
    assert_eq!(replaced.version(), 2);
    let archived = of.archive(made.id()).await.unwrap();
    assert_eq!(of.list(&ListParams::default()).await.unwrap().data, []);
    let params = ListParams { archived: true, ..ListParams::default() };
    assert_eq!(of.list(&params).await.unwrap().data, [archived]);
    let stale = of.if_version(1).restore(made.id()).await.unwrap_err();
    assert!(stale.is_version_conflict());
    of.restore(made.id()).await.unwrap()
}

/// What the server serves has its resource, whenever it was added.
#[test]
fn no_collection_is_without_a_resource() {
    let mut served: Vec<&str> = registered_tables().iter().map(|table| table.collection).collect();
    let mut known = COLLECTIONS.to_vec();
    served.sort_unstable();
    known.sort_unstable();
    assert_eq!(served, known);
}

#[tokio::test]
async fn each_collection_has_its_resource() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    life(ada.clients(), NewClient::named("Acme")).await;
    life(ada.departments(), NewDepartment::named("Engines")).await;
    life(ada.employees(), NewEmployee::named("E-1", "Ada Byron")).await;
    life(ada.suppliers(), NewSupplier::named("Clement & Sons")).await;
    life(ada.professionals(), NewProfessional::named("Luigi")).await;
    let money = (Some(Decimal::from(17_000)), Some("GBP".to_owned()));
    let new = NewProject { budget: money.0, currency: money.1, ..NewProject::named("Engine") };
    let project = life(ada.projects(), new).await;
    assert_eq!(project.budget.map(|budget| budget.to_string()).as_deref(), Some("17000.00"));
    let task = life(ada.tasks(), NewTask::titled("Cut the gears")).await;
    ada.tasks().delete(task.id).await.unwrap();
    assert!(ada.tasks().get(task.id).await.unwrap_err().is_not_found());
}

async fn with_tasks(world: &World) -> (Nexo, Project) {
    let ada = world.register("ada").await;
    let project = ada.projects().create(&NewProject::named("Engine")).await.unwrap();
    for (title, status) in
        [("Draw", TaskStatus::Done), ("Cut", TaskStatus::Todo), ("Fit", TaskStatus::Blocked)]
    {
        let new = NewTask { status, project_id: Some(project.id), ..NewTask::titled(title) };
        ada.tasks().create(&new).await.unwrap();
    }
    ada.tasks().create(&NewTask::titled("Elsewhere")).await.unwrap();
    (ada, project)
}

#[tokio::test]
async fn lists_are_filtered_counted_and_joined() {
    let world = World::start().await;
    let (ada, project) = with_tasks(&world).await;
    let params = ListParams::<Task> {
        filter: TaskFilter {
            status: [TaskStatus::Todo, TaskStatus::Blocked].into_iter().collect(),
            project_id: OneOf::from(project.id),
            ..TaskFilter::default()
        },
        sort: Some(Sort::parse("title")),
        count: CountMode::Exact,
        expand: vec!["project".to_owned()],
        ..ListParams::default()
    };
    let page = ada.tasks().list(&params).await.unwrap();
    let titles: Vec<&str> = page.data.iter().map(|task| task.title.as_str()).collect();
    assert_eq!((titles, page.count.map(|count| count.value)), (vec!["Cut", "Fit"], Some(2)));
    assert_eq!(page.included.get(project.id), Some(project));
    let some = ada.tasks().list_fields(&params, &["title", "status"]).await.unwrap();
    assert_eq!(some.data[0], serde_json::json!({ "title": "Cut", "status": "todo" }));
    let none = TaskFilter {
        completed_at: Within { null: Some(false), ..Within::default() },
        ..TaskFilter::default()
    };
    let done =
        ada.tasks().list(&ListParams { filter: none, ..ListParams::default() }).await.unwrap();
    assert_eq!(done.data.len(), 1);
    let error = ada.tasks().list_fields(&params, &["password"]).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidQuery));
}

/// F6: a batch whose answer is lost is sent again, and done once.
#[tokio::test]
async fn f6_a_batch_is_repeated_and_done_once() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    world.proxy.lose("POST /api/crm/clients/batch", 1);
    let record = |name: &str| BatchOperation::Create { record: NewClient::named(name) };
    let operations = vec![record("Acme"), record(""), record("Babbage")];
    let batch = Batch::<Client> { mode: BatchMode::Each, operations };
    let done = ada.clients().batch(&batch).await.unwrap();
    assert_eq!((done.succeeded, done.failed), (2, 1));
    assert!(matches!(&done.results[0], BatchOutcome::Created { record } if record.name == "Acme"));
    assert_eq!(done.results[1].error().unwrap().errors[0].field, "record.name");
    assert_eq!(world.proxy.count("POST /api/crm/clients/batch"), 2);
    assert_eq!(ada.clients().list(&ListParams::default()).await.unwrap().data.len(), 2);
    let atomic = Batch { mode: BatchMode::Atomic, ..batch };
    let error = ada.clients().batch(&atomic).await.unwrap_err();
    assert!(error.is_validation());
    assert_eq!(error.field_errors()[0].field, "operations[1].record.name");
}

#[tokio::test]
async fn search_finds_and_lists_narrow() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let lead = NewClient { status: ClientStatus::Lead, ..NewClient::named("Müller Ltd") };
    let active = NewClient { status: ClientStatus::Active, ..NewClient::named("Muller & Sons") };
    for new in [&lead, &active] {
        ada.clients().create(new).await.unwrap();
    }
    ada.tasks().create(&NewTask::titled("Call Müller")).await.unwrap();
    let params = SearchParams { q: "muller".to_owned(), ..SearchParams::default() };
    let hits = ada.search(&params).await.unwrap().data;
    assert_eq!(hits.len(), 3);
    assert_eq!(hits[2].collection, "tasks");
    assert!(hits[2].snippet.iter().any(|piece| piece.matched && piece.text == "Müller"));
    let params = ListParams::<Client> {
        q: Some("muller".to_owned()),
        filter: ClientFilter {
            status: OneOf::from(ClientStatus::Active),
            ..ClientFilter::default()
        },
        ..ListParams::default()
    };
    assert_eq!(ada.clients().stream(params).into_vec().await.unwrap().len(), 1);
    let nothing = SearchParams { q: "&".to_owned(), ..SearchParams::default() };
    assert_eq!(ada.search(&nothing).await.unwrap_err().code(), Some(ErrorCode::InvalidQuery));
}
