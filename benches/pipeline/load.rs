//! Whoever orders payouts: single orders, each with a key of its own, as callers of the door send them.

use crate::common::house::House;
use payoutd_actors::admission::{Admission, AdmitPayouts};
use payoutd_actors::domain::access::Orderer;
use payoutd_actors::domain::address::Address;
use payoutd_actors::domain::identity::{AccountId, IdempotencyKey, PayoutId};
use payoutd_actors::domain::journal::Cause;
use payoutd_actors::domain::money::MicroUsdt;
use payoutd_actors::domain::order::{Order, Route};
use payoutd_actors::guardian::Handle;
use payoutd_actors::ports::Admitted;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Orders that are with Admission at a time when it goes as fast as it can.
const ASKERS: usize = 800;
/// Recipients that are paid again and again.
const REGULARS: u64 = 1_000;
/// How often the pace is kept.
const BEAT: Duration = Duration::from_millis(5);

/// What the load has done, shared by everybody who orders.
#[derive(Default)]
pub(crate) struct Load {
    ordered: Cell<u64>,
    answered: Cell<u64>,
    over: Cell<bool>,
    new_recipients: bool,
    /// When each order was received, where that is wanted.
    pub(crate) received: Option<RefCell<BTreeMap<PayoutId, Instant>>>,
}

impl Load {
    pub(crate) fn repeated_recipients() -> Rc<Self> {
        Rc::default()
    }

    pub(crate) fn timed(new_recipients: bool) -> Rc<Self> {
        Rc::new(Self { new_recipients, received: Some(RefCell::default()), ..Self::default() })
    }

    pub(crate) fn answered(&self) -> u64 {
        self.answered.get()
    }

    /// No more orders.
    pub(crate) fn end(&self) {
        self.over.set(true);
    }

    async fn one(&self, admission: &Handle<Admission>) {
        let number = self.ordered.replace(self.ordered.get() + 1);
        let received_at = Instant::now();
        let request = AdmitPayouts {
            account: AccountId::house(),
            ordered_by: Orderer::house(),
            key: IdempotencyKey::parse(&format!("{:032x}", fastrand::u128(..))).unwrap(),
            orders: vec![self.order(number)],
            batch: false,
            cause: Cause::nobody(),
        };
        let answers = admission.ask(request).await.unwrap().unwrap();
        let [Admitted::New(payout)] = answers.as_slice() else { panic!("not taken in: {answers:?}") };
        self.answered.set(self.answered.get() + 1);
        if let Some(received) = &self.received {
            received.borrow_mut().insert(payout.id, received_at);
        }
    }

    fn order(&self, number: u64) -> Order {
        let who = if self.new_recipients { number } else { number % REGULARS };
        let mut recipient = [0x5a; 20];
        recipient[..8].copy_from_slice(&who.to_be_bytes());
        Order {
            recipient: Address::from_evm(recipient),
            amount: MicroUsdt::new(10_000 + number % 1_000_000),
            route: Route::Transfer,
            reference: Some(format!("invoice-{number}")),
            memo: None,
            kyc: None,
            not_before_ms: None,
            not_after_ms: None,
            priority: 0,
            metadata: BTreeMap::new(),
        }
    }
}

/// Orders as fast as Admission answers, while fewer than `open_max` payouts are unsettled; `settled` is told by whoever counts.
pub(crate) fn as_fast_as_it_goes(house: &House, load: &Rc<Load>, settled: &Rc<Cell<u64>>, open_max: u64) {
    for _ in 0..ASKERS {
        let (admission, load, settled) = (house.office.admission.clone(), load.clone(), settled.clone());
        actix::spawn(async move {
            while !load.over.get() {
                if load.ordered.get() >= settled.get() + open_max {
                    sleep(BEAT).await;
                } else {
                    load.one(&admission).await;
                }
            }
        });
    }
}

/// Orders at a pace, whatever becomes of them.
pub(crate) fn at_a_pace(house: &House, load: &Rc<Load>, payouts_per_s: f64) {
    let (admission, load) = (house.office.admission.clone(), load.clone());
    actix::spawn(async move {
        let (began, mut begun) = (Instant::now(), 0);
        while !load.over.get() {
            let due = (began.elapsed().as_secs_f64() * payouts_per_s) as u64;
            for _ in begun..due {
                let (admission, load) = (admission.clone(), load.clone());
                actix::spawn(async move { load.one(&admission).await });
            }
            begun = due;
            sleep(BEAT).await;
        }
    });
}
