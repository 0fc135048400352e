//! A wire that a story can cut: a proxy on loopback between a daemon and something that it needs. It works on a thread of its
//! own, so that it goes on while the story waits for a command.

use std::{io::ErrorKind, net::SocketAddr, thread::JoinHandle};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

use super::daemon::lasting_port;

/// Bytes that a wire takes up at a time.
const GULP: usize = 64 * 1024;

/// How a wire is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing arrives, and nobody says so.
    Silence,
    /// Connections are reset, new ones too.
    Reset,
}

/// What becomes of the connections that a silence has outlived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// They go on, and what was held back arrives.
    Kept,
    /// The way between has forgotten them, as a restarted firewall does: they stay silent for ever. New ones go through.
    Lost,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// Where it leads to.
    target: SocketAddr,
    cut: Option<Cut>,
    /// Connections that were made while another count stood here are forgotten.
    age: u64,
    closed: bool,
}

/// A wire to one address.
pub(crate) struct Link {
    /// Where it begins.
    pub(crate) address: SocketAddr,
    state: watch::Sender<State>,
    thread: Option<JoinHandle<()>>,
}

impl Link {
    /// A wire to this address; it is whole.
    pub(crate) fn to(target: SocketAddr) -> Self {
        let address = lasting_port();
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (state, told) = watch::channel(State { target, cut: None, age: 0, closed: false });
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { serve(TcpListener::from_std(listener).unwrap(), told).await });
        });
        Self { address, state, thread: Some(thread) }
    }

    /// Cuts it.
    pub(crate) fn cut(&self, how: Cut) {
        self.state.send_modify(|state| state.cut = Some(how));
    }

    /// Lets it lead elsewhere: connections from now on.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        self.state.send_modify(|state| state.target = target);
    }

    /// Makes it whole again.
    pub(crate) fn heal(&self, memory: Memory) {
        self.state.send_modify(|state| {
            state.cut = None;
            if memory == Memory::Lost {
                state.age += 1;
            }
        });
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.state.send_modify(|state| state.closed = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, state: watch::Receiver<State>) {
    let mut closing = state.clone();
    loop {
        let accepted = tokio::select! {
            _ = closing.wait_for(|state| state.closed) => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((near, _)) = accepted else { continue };
        let State { target, age, .. } = *state.borrow();
        tokio::spawn(connect(near, target, Wire { age, state: state.clone() }));
    }
}

/// The state as one connection meets it.
#[derive(Clone)]
struct Wire {
    age: u64,
    state: watch::Receiver<State>,
}

impl Wire {
    /// Waits until something may pass; `false`: the connection is to be reset.
    async fn passable(&mut self) -> bool {
        let age = self.age;
        let passes =
            |state: &State| state.cut == Some(Cut::Reset) || (state.cut.is_none() && age == state.age);
        self.state.wait_for(passes).await.is_ok_and(|state| state.cut.is_none())
    }

    /// Waits until the connection is to be reset.
    async fn reset(&mut self) {
        let _ = self.state.wait_for(|state| state.cut == Some(Cut::Reset)).await;
    }
}

async fn connect(near: TcpStream, target: SocketAddr, mut wire: Wire) {
    // Reset, not ended: whoever is cut off does not hear a farewell.
    let _ = near.set_zero_linger();
    if !wire.passable().await {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true), far.set_zero_linger());
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    let there = carry(near_read, far_write, wire.clone());
    let back = carry(far_read, near_write, wire.clone());
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        () = wire.reset() => {}
    }
}

/// Carries bytes one way until that way ends.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut wire: Wire) {
    let mut bytes = vec![0; GULP];
    loop {
        let read = from.read(&mut bytes).await;
        // What was on the way when the wire was cut stays on the way.
        if !wire.passable().await {
            return;
        }
        match read {
            Ok(0) => {
                let _ = to.shutdown().await;
                return;
            }
            Ok(count) if to.write_all(&bytes[..count]).await.is_ok() => {}
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => return,
        }
    }
}
