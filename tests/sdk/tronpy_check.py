"""The public tronpy, unmodified, against `payoutd sandbox chain`: what a stranger's program does on its first day.

    python tronpy_check.py SANDBOX_JSON

SANDBOX_JSON is the first line of `payoutd sandbox chain --json`. It says what it saw and leaves with 0, or with the
first thing that was not as a TRON network would have it.
"""

import json
import sys
from decimal import Decimal

from tronpy import Tron
from tronpy.exceptions import AddressNotFound, TransactionNotFound, TvmError, UnknownError
from tronpy.keys import PrivateKey
from tronpy.providers import HTTPProvider

sandbox = json.loads(sys.argv[1])
client = Tron(HTTPProvider(sandbox["http"]))
# Accounts that tronweb.mjs does not use.
key = PrivateKey(bytes.fromhex(sandbox["accounts"][2]["private_key_hex"]))
payer = sandbox["accounts"][2]["address"]
recipient = sandbox["accounts"][3]["address"]

POLL_S = 0.05


def the_network_answers():
    head = client.get_latest_block_number()
    block = client.get_block(head)
    assert block["block_header"]["raw_data"]["number"] == head
    assert client.get_latest_solid_block_number() < head
    prices = {entry["key"]: entry.get("value", 0) for entry in client.get_chain_parameters()}
    assert prices["getEnergyFee"] == 100
    assert client.get_account_resource(payer)["freeNetLimit"] == 600
    assert client.get_bandwidth(payer) == 600


def balances_are_readable():
    assert client.get_account_balance(payer) == Decimal(100_000)
    usdt = client.get_contract(sandbox["usdt"])
    assert usdt.functions.symbol() == "USDT"
    assert usdt.functions.decimals() == 6
    assert usdt.functions.balanceOf(payer) == 1_000_000_000_000
    return usdt


def usdt_is_sent_and_settles(usdt):
    before = usdt.functions.balanceOf(recipient)
    sent = (
        usdt.functions.transfer(recipient, 2_345_678)
        .with_owner(payer)
        .fee_limit(100_000_000)
        .build()
        .sign(key)
        .broadcast()
    )
    assert sent["result"] is True
    assert client.get_transaction(sent.txid)["ret"][0]["contractRet"] == "SUCCESS"

    info = sent.wait(interval=POLL_S)
    assert info["receipt"]["result"] == "SUCCESS"
    assert info["contract_address"] == sandbox["usdt"]
    assert int(info["log"][0]["data"], 16) == 2_345_678
    # USDT moves the money and answers false.
    assert sent.result(interval=POLL_S) is False

    settled = sent.wait(interval=POLL_S, solid=True)
    assert settled["blockNumber"] == info["blockNumber"]
    assert usdt.functions.balanceOf(recipient) == before + 2_345_678


def the_same_bytes_are_a_duplicate(usdt):
    built = usdt.functions.transfer(recipient, 5).with_owner(payer).fee_limit(100_000_000).build().sign(key)
    built.broadcast().wait(interval=POLL_S)
    try:
        built.broadcast()
    except UnknownError as error:
        assert error.args == ("Dup transaction.", "DUP_TRANSACTION_ERROR"), error
    else:
        raise AssertionError("the same bytes were taken twice")


def trx_is_sent_with_a_memo():
    before = client.get_account_balance(recipient)
    sent = client.trx.transfer(payer, recipient, 1_500_000).memo("thank you").build().sign(key).broadcast()
    info = sent.wait(interval=POLL_S)
    assert "result" not in info["receipt"]
    assert client.get_account_balance(recipient) == before + Decimal("1.5")
    # The memo fee stands in no field of the receipt, only in the sum.
    assert info["fee"] - info["receipt"].get("net_fee", 0) == 1_000_000


def a_transfer_of_too_much_is_taken_and_reverts(usdt):
    sent = usdt.functions.transfer(recipient, 10**18).with_owner(payer).fee_limit(100_000_000).build().sign(key).broadcast()
    try:
        sent.result(interval=POLL_S)
    except TvmError as error:
        assert "REVERT opcode executed" in str(error)
    else:
        raise AssertionError("a transfer of more than there is came to something")


def what_is_unknown_is_said_to_be_unknown():
    stranger = PrivateKey.random().public_key.to_base58check_address()
    for ask, complaint in [
        (lambda: client.get_transaction("ab" * 32), TransactionNotFound),
        (lambda: client.get_solid_transaction_info("ab" * 32), TransactionNotFound),
        (lambda: client.get_account(stranger), AddressNotFound),
    ]:
        try:
            ask()
        except complaint:
            continue
        raise AssertionError(f"no {complaint.__name__}")


the_network_answers()
usdt = balances_are_readable()
usdt_is_sent_and_settles(usdt)
the_same_bytes_are_a_duplicate(usdt)
trx_is_sent_with_a_memo()
a_transfer_of_too_much_is_taken_and_reverts(usdt)
what_is_unknown_is_said_to_be_unknown()
print("tronpy: sent USDT and TRX, read balances and receipts, waited for solid blocks")
