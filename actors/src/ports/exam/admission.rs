//! The fears at the door: one order taken twice, two orders taken for one, half a batch.

use super::kit::{self, AMPLE, MORNING_MS, admit, all, found, payout};
use super::{Hall, Told};
use crate::domain::identity::IdempotencyKey;
use crate::domain::order::Route;
use crate::domain::payout::{Payout, Stage};
use crate::domain::tron::{Hash32, KycClearance};
use crate::ports::{Admitted, Journal, Payouts};
use futures_util::future::join_all;

/// How many come at once.
const CROWD: u32 = 64;

/// F-P01: 64 who send the same order under one key at once make one payout, and all hear of the same one.
pub async fn one_key_makes_one_payout_however_often_and_at_once_it_is_sent(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let same_order = |n: u32| Payout { id: payout(n).id, ..payout(0) };
    let submissions = (0..CROWD).map(|n| {
        let store = store.clone();
        async move { store.admit(kit::newly([same_order(n)]), &AMPLE, MORNING_MS, false).await }
    });
    let mut new = Vec::new();
    let mut repeated = Vec::new();
    for answer in join_all(submissions).await {
        match answer?.pop() {
            Some(Admitted::New(payout)) => new.push(payout.id),
            Some(Admitted::Repeated(payout)) => repeated.push(payout.id),
            other => return Err(format!("{other:?}").into()),
        }
    }
    assert_eq!((new.len(), repeated.len()), (1, 63));
    assert!(repeated.iter().all(|id| *id == new[0]));
    assert_eq!(all(&store).await?.len(), 1);
    assert_eq!(store.last_seq().await?, 1);
    Ok(())
}

/// F-P01: the same key with another request is refused, and names what the key stands for.
pub async fn the_same_key_with_another_request_is_refused(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let first = admit(&store, payout(1)).await?;
    let mut other = payout(2);
    other.idempotency_key = first.idempotency_key.clone();
    let twins = vec![other.clone(), payout(3), Payout { id: payout(4).id, ..payout(3) }];
    let answers = store.admit(kit::newly(twins), &AMPLE, MORNING_MS, false).await?;
    assert_eq!(answers[0], Admitted::KeyReused(first.id));
    let Admitted::New(third) = &answers[1] else { return Err(format!("{answers:?}").into()) };
    assert_eq!(answers[2], Admitted::Repeated(third.clone()), "twice in one batch is twice all the same");
    assert_eq!(store.find_by_key(&first.account, &first.idempotency_key).await?, Some(first));
    assert_eq!(store.find(other.id).await?, None);
    Ok(())
}

/// F-P01: a key that named one order can not name a batch later, nor the reverse (a batch's first item has the batch's key).
pub async fn a_key_names_one_order_or_one_batch_and_never_both(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let batch = |n: u32, key: &IdempotencyKey| -> Vec<Payout> {
        (0..).zip([n, n + 1]).map(|(i, n)| Payout { idempotency_key: key.of_item(i), ..payout(n) }).collect()
    };
    let single = admit(&store, payout(1)).await?;
    let answers =
        store.admit(kit::newly(batch(2, &single.idempotency_key)), &AMPLE, MORNING_MS, true).await?;
    assert_eq!(answers, [Admitted::KeyReused(single.id), Admitted::NotTaken]);

    let key = IdempotencyKey::restored("batch".to_owned());
    let answers = store.admit(kit::newly(batch(4, &key)), &AMPLE, MORNING_MS, true).await?;
    let [Admitted::New(item), Admitted::New(_)] = answers.as_slice() else {
        return Err(format!("{answers:?}").into());
    };
    let answers = store
        .admit(kit::newly([Payout { idempotency_key: key, ..payout(6) }]), &AMPLE, MORNING_MS, false)
        .await?;
    assert_eq!(answers, [Admitted::KeyReused(item.id)]);
    Ok(())
}

/// F-P09: a batch with one bad key writes nothing, and does not look as if it had; sent again it gives the same payouts.
pub async fn a_batch_is_taken_whole_or_not_at_all(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let known = admit(&store, payout(1)).await?;
    let reused = Payout { idempotency_key: known.idempotency_key.clone(), ..payout(2) };
    let batch = vec![payout(3), payout(1), reused, Payout { id: payout(9).id, ..payout(3) }];
    let answers = store.admit(kit::newly(batch.clone()), &AMPLE, MORNING_MS, true).await?;
    let refused = [
        Admitted::NotTaken,
        Admitted::Repeated(known.clone()),
        Admitted::KeyReused(known.id),
        Admitted::NotTaken,
    ];
    assert_eq!(answers, refused);
    assert_eq!(all(&store).await?, std::slice::from_ref(&known));
    assert_eq!(store.last_seq().await?, 1);

    let good = vec![payout(4), payout(5), payout(6)];
    let first = store.admit(kit::newly(good.clone()), &AMPLE, MORNING_MS, true).await?;
    let again: Vec<Payout> =
        good.into_iter().zip(20..).map(|(new, n)| Payout { id: payout(n).id, ..new }).collect();
    let second = store.admit(kit::newly(again), &AMPLE, MORNING_MS, true).await?;
    for (first, second) in first.iter().zip(&second) {
        let Admitted::New(payout) = first else { return Err(format!("{first:?}").into()) };
        assert_eq!(*second, Admitted::Repeated(payout.clone()));
    }
    assert_eq!(all(&store).await?.len(), 4);
    Ok(())
}

/// F001-27: texts are kept verbatim; every field of an order comes back, also after a restart.
pub async fn what_was_ordered_comes_back_letter_for_letter(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let mut new = payout(1);
    let order = &mut new.order;
    order.route = Route::RouterKyc;
    order.memo = Some("für \"Zoë\" \\ '); DROP TABLE payout; -- 💸\u{2028}".to_owned());
    order.reference = Some("{\"a\":[1,null]}%_?1".to_owned());
    let clearance = KycClearance {
        hash: Hash32::new([1; 32]),
        expiry_s: 1_999_999_999,
        v: 27,
        r: Hash32::new([2; 32]),
        s: Hash32::new([255; 32]),
    };
    order.kyc = Some(clearance);
    order.not_before_ms = Some(MORNING_MS - 1);
    order.not_after_ms = Some(MORNING_MS + 1);
    order.priority = 9;
    order.metadata = [("k \"1\"", "v\\n"), ("ключ", "值")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    new.idempotency_key = IdempotencyKey::restored("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".to_owned());
    let admitted = admit(&store, new.clone()).await?;
    assert_eq!((admitted.stage, admitted.version), (Stage::Admitted, 1));
    assert_eq!(admitted.order, new.order);

    let store = hall.reopened(store).await?;
    assert_eq!(found(&store, new.id).await?, admitted);
    let repeated = store.admit(kit::newly([new]), &AMPLE, MORNING_MS, false).await?;
    assert_eq!(repeated, [Admitted::Repeated(admitted)]);
    Ok(())
}

/// F-P01: whoever asks again sees what became of the order meanwhile.
pub async fn a_repeated_key_is_answered_with_the_payout_as_it_is_now(hall: &impl Hall) -> Told {
    let store = hall.fresh().await?;
    let settled = kit::pay(&store, payout(1), 1_005).await?;
    let answers = store.admit(kit::newly([payout(1)]), &AMPLE, MORNING_MS + 5, true).await?;
    assert_eq!(answers, [Admitted::Repeated(settled)]);
    Ok(())
}
