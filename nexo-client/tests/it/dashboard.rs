//! What somebody sees first.

use nexo_client::model::{NewClient, NewTask, RecordCount};

use crate::world::World;

#[tokio::test]
async fn a_dashboard_is_typed() {
    let world = World::start().await;
    let nexo = world.register("ada").await;
    nexo.clients().create(&NewClient::named("Acme")).await.unwrap();
    nexo.tasks().create(&NewTask::titled("Call them")).await.unwrap();
    let told = nexo.dashboard().await.unwrap();
    assert!(!told.partial && told.missing.is_empty());
    assert_eq!(told.account, Some(nexo.account_dashboard().await.unwrap()));
    let work = nexo.work_dashboard().await.unwrap();
    assert_eq!(told.work.as_ref(), Some(&work));
    assert_eq!(work.counts["clients"], Some(RecordCount { active: 1, archived: 0 }));
    assert_eq!(work.my_tasks.unwrap().data[0].title, "Call them");
    let user = told.account.and_then(|account| account.profile).unwrap().user;
    assert_eq!(&user, nexo.session().unwrap().user());
}
