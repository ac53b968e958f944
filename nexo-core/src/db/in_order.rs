//! Futures that are begun in order.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{MaybeDone, maybe_done};

/// Polls every future once, in this order and before anything is awaited, and
/// then waits for them one after another.
///
/// The driver sends a statement when its future is first polled, and answers
/// arrive in the order of sending: so all of them travel together, and each
/// wake-up looks at one future, however many there are. (`join_all` promises
/// neither beyond thirty.)
pub(super) async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut begun: Vec<Pin<Box<MaybeDone<F>>>> = futures.map(|f| Box::pin(maybe_done(f))).collect();
    let mut polled = false;
    let mut next = 0;
    poll_fn(|context| {
        if !polled {
            polled = true;
            for future in &mut begun {
                let _later = future.as_mut().poll(context);
            }
        }
        while let Some(future) = begun.get_mut(next) {
            if future.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            next += 1;
        }
        Poll::Ready(())
    })
    .await;
    begun.iter_mut().filter_map(|future| future.as_mut().take_output()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn all_are_begun_in_order_before_the_first_is_awaited() {
        let begun = Mutex::new(Vec::new());
        let (open, gate) = tokio::sync::watch::channel(false);
        let futures = (0..100).map(|at| {
            let (begun, mut gate) = (&begun, gate.clone());
            async move {
                let last = {
                    let mut begun = begun.lock().expect("not poisoned");
                    begun.push(at);
                    begun.len() == 100
                };
                if !last {
                    gate.wait_for(|open| *open).await.expect("the gate stays");
                }
                (at, last)
            }
        });
        let opened = async {
            open.send(true).expect("there are waiters");
        };
        let (results, ()) = futures_util::future::join(in_order(futures), opened).await;
        let expected: Vec<_> = (0..100).map(|at| (at, at == 99)).collect();
        assert_eq!(results, expected);
        assert!(begun.into_inner().expect("not poisoned").is_sorted());
    }
}
