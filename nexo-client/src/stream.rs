//! A list as a stream of records, whatever its pages.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_util::future::BoxFuture;
use nexo_core::model::{Entity, ListParams, Page};

use crate::error::Result;
use crate::resource::Resource;

/// The records of a list, one after another; [`Resource::stream`] gives one.
///
/// It is a [`Stream`], and for programs without stream adapters it has
/// [`next`](Self::next). After an error, or the last record, it gives `None`.
#[must_use = "nothing is read until the stream is polled"]
pub struct Rows<T: Entity> {
    resource: Resource<T>,
    params: ListParams<T>,
    page: std::vec::IntoIter<T>,
    state: State<T>,
}

enum State<T> {
    /// There is another page, at the cursor in `params`.
    More,
    Fetching(BoxFuture<'static, Result<Page<T>>>),
    Done,
}

impl<T: Entity> Rows<T> {
    pub(crate) fn new(resource: Resource<T>, params: ListParams<T>) -> Self {
        Self { resource, params, page: Vec::new().into_iter(), state: State::More }
    }

    /// The next record; `None` after the last one, and after an error.
    ///
    /// Nothing is lost if this future is dropped.
    ///
    /// # Errors
    /// Those of [`Resource::list`].
    pub async fn next(&mut self) -> Option<Result<T>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// All that is left. Meant for lists that are known to be short.
    ///
    /// # Errors
    /// Those of [`Resource::list`]; what was read before is dropped.
    pub async fn into_vec(mut self) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        while let Some(row) = self.next().await {
            rows.push(row?);
        }
        Ok(rows)
    }

    fn fetch(&self) -> BoxFuture<'static, Result<Page<T>>> {
        let (resource, params) = (self.resource.clone(), self.params.clone());
        Box::pin(async move { resource.list(&params).await })
    }
}

impl<T: Entity> Stream for Rows<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(row) = this.page.next() {
                return Poll::Ready(Some(Ok(row)));
            }
            match &mut this.state {
                State::More => this.state = State::Fetching(this.fetch()),
                State::Fetching(fetch) => {
                    let page = ready!(fetch.as_mut().poll(cx));
                    this.state = State::Done;
                    match page {
                        Err(error) => return Poll::Ready(Some(Err(error))),
                        Ok(page) => {
                            this.page = page.data.into_iter();
                            if page.next_cursor.is_some() {
                                this.params.cursor = page.next_cursor;
                                this.state = State::More;
                            }
                        }
                    }
                }
                State::Done => return Poll::Ready(None),
            }
        }
    }
}

impl<T: Entity> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("params", &self.params).finish_non_exhaustive()
    }
}
