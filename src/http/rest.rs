//! What is left of a request's body when its answer is known: a 401 is known before the body, a 413 in the middle of it.
//!
//! What has arrived already, or comes at once, is read and dropped before the answer goes out; the connection then serves the
//! next request. A sender who takes longer gets the answer first, with `Connection: close`, and what still comes is dropped for
//! [`super::settings::LINGER`], so that a client that writes to the end before it reads finds its answer and no reset.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    web::Bytes,
};
use futures_util::{Stream, StreamExt, future::poll_fn};

use super::settings::REST_WITHIN;

/// A body that a handler reads as far as it likes, and that is read on after it.
#[derive(Clone)]
pub struct Rest(Rc<RefCell<Body>>);

struct Body {
    payload: Payload,
    has_ended: bool,
}

impl Rest {
    /// Keeps hold of a request's body; `None` where there is none.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        match request.take_payload() {
            Payload::None => None,
            payload => {
                let rest = Self(Rc::new(RefCell::new(Body { payload, has_ended: false })));
                request.set_payload(Payload::Stream { payload: Box::pin(rest.clone()) });
                Some(rest)
            }
        }
    }

    /// Reads what is left and drops it, for [`REST_WITHIN`] at most.
    pub async fn pass(self) {
        let to_the_end = async { while poll_fn(|cx| self.poll(cx)).await.is_some() {} };
        if tokio::time::timeout(REST_WITHIN, to_the_end).await.is_err() {
            tracing::debug!("a request is answered before its body has come");
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, PayloadError>>> {
        let mut body = self.0.borrow_mut();
        if body.has_ended {
            return Poll::Ready(None);
        }
        let polled = body.payload.poll_next_unpin(cx);
        body.has_ended = matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }
}

impl Stream for Rest {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(cx)
    }
}
