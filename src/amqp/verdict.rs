//! What Admission's answer to a job means for the job. Pure.

use payoutd_actors::{
    admission::AdmissionRefusal,
    domain::{identity::PayoutId, payout::Payout},
    ports::Admitted,
};

use crate::http::{
    office::{Fault, NotAdmitted},
    payouts,
    problem::Problem,
};

/// What is to be done with a job.
#[derive(Debug)]
pub enum Verdict {
    /// It is taken in.
    Admitted(Box<Payout>),
    /// It was taken in before.
    Repeated(Box<Payout>),
    /// Its key made another payout. (Whether that is the same job, received earlier, the caller finds out.)
    KeyReused(PayoutId),
    /// It can not be paid: to the dead queue.
    Poison(Problem),
    /// Not now, and it is not the job's fault.
    Later,
    /// A fault of payoutd, this job's or not: a few times more, then to the dead queue.
    Broken(String),
}

impl Verdict {
    /// The verdict of an answer.
    #[must_use]
    pub fn of(answer: Result<Vec<Admitted>, NotAdmitted>) -> Self {
        match answer {
            Ok(admitted) => match <[Admitted; 1]>::try_from(admitted) {
                Ok([Admitted::New(payout)]) => Self::Admitted(Box::new(payout)),
                Ok([Admitted::Repeated(payout)]) => Self::Repeated(Box::new(payout)),
                Ok([Admitted::KeyReused(existing)]) => Self::KeyReused(existing),
                Ok([Admitted::NotTaken | Admitted::OverLimit(_)]) | Err(_) => {
                    Self::Broken("one order was not answered as one".to_owned())
                }
            },
            Err(NotAdmitted::Refused(AdmissionRefusal::KeyReused { existing })) => Self::KeyReused(existing),
            Err(NotAdmitted::Refused(AdmissionRefusal::Busy { .. })) => Self::Later,
            Err(NotAdmitted::Refused(AdmissionRefusal::Store(fault))) => Self::fault(fault.into()),
            Err(NotAdmitted::Fault(fault)) => Self::fault(fault),
            Err(
                why @ NotAdmitted::Refused(AdmissionRefusal::Invalid(_) | AdmissionRefusal::OverLimit { .. }),
            ) => Self::Poison(payouts::not_admitted(why, |_| String::new())),
        }
    }

    fn fault(fault: Fault) -> Self {
        match fault {
            Fault::Busy { .. } | Fault::Away { .. } => Self::Later,
            Fault::Broken { cause } => Self::Broken(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Kind;
    use payoutd_actors::{
        domain::{
            limits::{LimitBroken, Whose, Window},
            order::OrderProblem,
        },
        ports::StoreFault,
    };

    /// A good job must never be buried because the house was busy, or without its store.
    #[test]
    fn only_the_jobs_own_faults_bury_it() {
        let refused = |refusal| Verdict::of(Err(NotAdmitted::Refused(refusal)));
        for later in [
            refused(AdmissionRefusal::Busy { retry_after_ms: 1 }),
            refused(AdmissionRefusal::Store(StoreFault::Away("gone".into()))),
            refused(AdmissionRefusal::Store(StoreFault::Full)),
            refused(AdmissionRefusal::Store(StoreFault::Refused("permission denied".into()))),
            Verdict::of(Err(NotAdmitted::Fault(Fault::Busy { retry_after_ms: 1 }))),
            Verdict::of(Err(NotAdmitted::Fault(Fault::Away { who: "admission".into(), retry_after_ms: 1 }))),
        ] {
            assert!(matches!(later, Verdict::Later), "{later:?}");
        }
        let broken = refused(AdmissionRefusal::Store(StoreFault::Corrupt("x".into())));
        assert!(matches!(broken, Verdict::Broken(_)), "{broken:?}");
        assert!(matches!(Verdict::of(Ok(Vec::new())), Verdict::Broken(_)));
        let invalid = refused(AdmissionRefusal::Invalid(vec![(0, OrderProblem::at("/amount", "too much"))]));
        let Verdict::Poison(problem) = invalid else { panic!("{invalid:?}") };
        assert_eq!(
            (problem.kind, problem.errors[0].pointer.as_deref()),
            (Kind::InvalidOrder, Some("/amount"))
        );
        let broken = LimitBroken { whose: Whose::Role, window: Window::Hourly };
        let over = refused(AdmissionRefusal::OverLimit { place: 0, broken });
        let Verdict::Poison(problem) = over else { panic!("{over:?}") };
        assert_eq!(problem.kind, Kind::LimitExceeded);
        assert!(
            problem.detail.starts_with("limit_role_hourly has no room for this order"),
            "{}",
            problem.detail
        );
    }
}
