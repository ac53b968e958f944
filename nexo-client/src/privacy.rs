//! What is known of persons and of the user, and that it is forgotten.

use nexo_core::model::{DeleteUser, Erase, Erased, Id, Person, PersonalData, UserData};
use reqwest::Method;

use crate::error::Result;
use crate::{Nexo, Resource};

impl<T: Person> Resource<T> {
    /// All that the account knows of the record's person: the record, what refers
    /// to it, what imports and answered requests keep of it, and its history.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found);
    /// [`is_forbidden`](crate::Error::is_forbidden) without `privacy:manage` and the
    /// right to see all of that.
    pub async fn personal_data(&self, id: Id<T>) -> Result<PersonalData<T>> {
        self.below(Method::GET, id, "personal-data").send().await
    }

    /// Forgets the record's person, and every copy that the account keeps of what
    /// it tells. The record stays, archived and without a name, so that what refers
    /// to it does not lose it. `confirm` is its name, or a supplier's company. Done
    /// again, nothing more happens.
    ///
    /// ```no_run
    /// # use nexo_client::{Nexo, Result};
    /// # use nexo_client::model::{Client, Erase};
    /// # async fn example(nexo: &Nexo, client: Client) -> Result<()> {
    /// let erase = Erase { confirm: client.name, ..Erase::default() };
    /// let erased = nexo.clients().erase(client.id, &erase).await?;
    /// println!("{} audit entries lost their fields", erased.entries);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found);
    /// [`is_validation`](crate::Error::is_validation) for another name;
    /// [`is_conflict`](crate::Error::is_conflict) while an import holds a file of
    /// such records; [`is_forbidden`](crate::Error::is_forbidden) without
    /// `privacy:manage` and the rights to change and delete the record.
    pub async fn erase(&self, id: Id<T>, erase: &Erase) -> Result<Erased<T>> {
        self.below(Method::POST, id, "erase").json(erase).repeatable().send().await
    }
}

impl Nexo {
    /// All that is known of the user over all accounts, without secrets.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn personal_data(&self) -> Result<UserData> {
        self.request(Method::GET, "/api/auth/profile/personal-data").send().await
    }

    /// Takes the user out of every account and forgets them; this handle has no
    /// session any more. `code` is for a user with a second factor.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation) for the wrong password;
    /// [`is_conflict`](crate::Error::is_conflict) while an account would have no
    /// owner without them.
    pub async fn delete_user(&self, password: &str, code: Option<&str>) -> Result<()> {
        let delete = DeleteUser { password: password.to_owned(), code: code.map(str::to_owned) };
        self.request(Method::DELETE, "/api/auth/profile").json(&delete).send::<()>().await?;
        self.inner.keeper.log_out();
        Ok(())
    }
}
