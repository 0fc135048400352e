//! Declares what must be there, or checks it where the daemon's user may not declare (`amqp.declare = false`).
//!
//! Every refusal costs its channel (AMQP 0-9-1 §1.1), so each declaration has one of its own; all of them are tried, so that
//! all mismatches are named at once.

use lapin::{
    Connection, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use thiserror::Error;

use super::topology::{ACCESS_REFUSED, Argument, Declaration, NOT_FOUND};

/// Why what must be there is not ready for use.
#[derive(Debug, Clone, Error)]
pub enum NotReady {
    /// Something differs or is missing; one sentence each, with what to do.
    #[error("{}", .0.join("; "))]
    Mismatched(Vec<String>),
    /// The connection was lost over it.
    #[error("the connection was lost: {0}")]
    Lost(String),
}

/// Sees to it that all of these are there. What differs and can be lived with, because somebody else declares
/// (`declare` is false), is in the answer.
///
/// # Errors
/// See [`NotReady`].
pub async fn ensure(
    connection: &Connection,
    declarations: &[Declaration],
    declare: bool,
) -> Result<Vec<String>, NotReady> {
    let (mut refusals, mut notes) = (Vec::new(), Vec::new());
    for declaration in declarations {
        match declare {
            true => {
                refusals.extend(refused(connection, declaration, Way::Declare).await?.map(|(_, told)| told))
            }
            false => match refused(connection, declaration, Way::Look).await? {
                Some((_, told)) => refusals.push(told),
                None => notes.extend(difference(connection, declaration).await?),
            },
        }
    }
    match refusals.is_empty() {
        true => Ok(notes),
        false => Err(NotReady::Mismatched(refusals)),
    }
}

/// What differs in a thing that is there. Looking (a passive declaration) compares nothing; declaring what is there creates
/// nothing and compares everything, where the user has the right to.
async fn difference(connection: &Connection, declaration: &Declaration) -> Result<Option<String>, NotReady> {
    let refused = refused(connection, declaration, Way::Declare).await?;
    Ok(refused.filter(|(code, _)| ![ACCESS_REFUSED, NOT_FOUND].contains(code)).map(|(_, told)| told))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Declare,
    Look,
}

/// The broker's code and what it means, where it refuses.
async fn refused(
    connection: &Connection,
    declaration: &Declaration,
    way: Way,
) -> Result<Option<(u16, String)>, NotReady> {
    let lost = |why: lapin::Error| NotReady::Lost(why.to_string());
    let channel = connection.create_channel().await.map_err(lost)?;
    let passive = way == Way::Look;
    let answer = match declaration {
        Declaration::Queue { name, arguments } => {
            let options = QueueDeclareOptions { passive, ..QueueDeclareOptions::durable() };
            channel.queue_declare(name.as_str().into(), options, table(arguments)).await.map(|_| ())
        }
        Declaration::TopicExchange { name } => {
            let options =
                ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
            channel
                .exchange_declare(name.as_str().into(), ExchangeKind::Topic, options, FieldTable::default())
                .await
        }
    };
    match answer {
        Ok(()) => channel.close(200, "declared".into()).await.map(|()| None).map_err(lost),
        Err(why) => match why.kind() {
            ErrorKind::ProtocolError(said) if why.is_amqp_soft_error() => {
                let told = declaration.refusal(said.get_id(), said.get_message().as_str());
                Ok(Some((said.get_id(), told)))
            }
            _ => Err(lost(why)),
        },
    }
}

fn table(arguments: &[(&'static str, Argument)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
            Argument::Whole(number) => AMQPValue::LongLongInt(*number),
        };
        table.insert((*name).into(), value);
    }
    table
}
