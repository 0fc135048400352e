// The public tronweb, unmodified, against `payoutd sandbox chain`: what a stranger's program does on its first day.
//
//   node tronweb.mjs TOOLS SANDBOX_JSON
//
// TOOLS is the folder that tests/sdk/install fills, SANDBOX_JSON the first line of `payoutd sandbox chain --json`.
// It says what it saw and leaves with 0, or with the first thing that was not as a TRON network would have it.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';

const [tools, described] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(tools), 'node', 'package.json'));
const { TronWeb } = require('tronweb');

const sandbox = JSON.parse(described);
const payer = sandbox.accounts[0];
const recipient = sandbox.accounts[1].address;
const tronWeb = new TronWeb({ fullHost: sandbox.http, privateKey: payer.private_key_hex });

const PATIENCE_MS = 30_000;

/** Asks until the answer is there. */
async function until(what, ask) {
    const deadline = Date.now() + PATIENCE_MS;
    while (Date.now() < deadline) {
        const answer = await ask();
        if (answer) return answer;
        await new Promise((wake) => setTimeout(wake, 50));
    }
    throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
}

const included = (txid) =>
    until(`${txid} in a block`, async () => {
        const info = await tronWeb.trx.getUnconfirmedTransactionInfo(txid);
        return info.id && info;
    });

const solid = (txid) =>
    until(`${txid} in a solidified block`, async () => {
        const info = await tronWeb.trx.getTransactionInfo(txid);
        return info.id && info;
    });

async function theNetworkAnswers() {
    assert.deepEqual(await tronWeb.isConnected(), { fullNode: true, solidityNode: true, eventServer: true });
    const head = await tronWeb.trx.getCurrentBlock();
    const number = head.block_header.raw_data.number;
    assert.equal((await tronWeb.trx.getBlock(number)).blockID, head.blockID);
    assert.equal((await tronWeb.trx.getConfirmedCurrentBlock()).block_header.raw_data.number < number, true);
    const parameters = await tronWeb.trx.getChainParameters();
    assert.equal(parameters.find((parameter) => parameter.key === 'getEnergyFee').value, 100);
    assert.match((await tronWeb.trx.getNodeInfo()).solidityBlock, /^Num:\d+,ID:[0-9a-f]{64}$/);
    assert.equal((await tronWeb.trx.getAccountResources(payer.address)).freeNetLimit, 600);
}

async function balancesAreReadable() {
    assert.equal(await tronWeb.trx.getBalance(payer.address), 100_000_000_000);
    assert.equal(await tronWeb.trx.getUnconfirmedBalance(payer.address), 100_000_000_000);
    const usdt = await tronWeb.contract().at(sandbox.usdt);
    assert.equal(await usdt.symbol().call(), 'USDT');
    assert.equal(Number(await usdt.decimals().call()), 6);
    assert.equal(BigInt(await usdt.balanceOf(payer.address).call()), 1_000_000_000_000n);
    return usdt;
}

async function usdtIsSentAndSettles(usdt) {
    const before = BigInt(await usdt.balanceOf(recipient).call());
    const txid = await usdt.transfer(recipient, 1_234_567).send({ feeLimit: 100_000_000 });
    assert.match(txid, /^[0-9a-f]{64}$/);
    assert.equal((await tronWeb.trx.getTransaction(txid)).ret[0].contractRet, 'SUCCESS');

    const info = await included(txid);
    assert.equal(info.receipt.result, 'SUCCESS');
    assert.equal(info.result, undefined);
    // USDT moves the money and answers false.
    assert.deepEqual(info.contractResult, ['0'.repeat(64)]);
    assert.equal(info.log.length, 1);
    assert.equal(BigInt(`0x${info.log[0].data}`), 1_234_567n);
    assert.equal(info.fee, (info.receipt.net_fee ?? 0) + (info.receipt.energy_fee ?? 0));

    const settled = await solid(txid);
    assert.equal(settled.blockNumber, info.blockNumber);
    assert.equal(BigInt(await usdt.balanceOf(recipient).call()), before + 1_234_567n);

    const events = await tronWeb.event.getEventsByTransactionID(txid);
    assert.equal(events.data.length, 1);
    assert.equal(events.data[0].event_name, 'Transfer');
    assert.equal(events.data[0].result.value, '1234567');
    assert.equal(events.data[0].contract_address, sandbox.usdt);
}

async function aTransferBuiltAtHomeIsTaken() {
    const built = await tronWeb.transactionBuilder.triggerSmartContract(
        sandbox.usdt,
        'transfer(address,uint256)',
        { feeLimit: 100_000_000, callValue: 0, txLocal: true },
        [{ type: 'address', value: recipient }, { type: 'uint256', value: 7 }],
        payer.address,
    );
    const reply = await tronWeb.trx.sendRawTransaction(await tronWeb.trx.sign(built.transaction));
    assert.equal(reply.result, true);
    assert.equal(reply.txid, built.transaction.txID);
    const again = await tronWeb.trx.sendRawTransaction(reply.transaction);
    assert.equal(again.code, 'DUP_TRANSACTION_ERROR');
    assert.equal(Buffer.from(again.message, 'hex').toString(), 'Dup transaction.');
    assert.equal((await included(reply.txid)).receipt.result, 'SUCCESS');
}

async function trxIsSent() {
    const before = await tronWeb.trx.getUnconfirmedBalance(recipient);
    const reply = await tronWeb.trx.sendTransaction(recipient, 1_500_000);
    assert.equal(reply.result, true);
    const info = await included(reply.txid);
    assert.equal(info.receipt.result, undefined);
    assert.equal(await tronWeb.trx.getUnconfirmedBalance(recipient), before + 1_500_000);
}

async function aTransferOfTooMuchIsTakenAndReverts(usdt) {
    const txid = await usdt.transfer(recipient, '1000000000000000000').send({ feeLimit: 100_000_000 });
    const info = await included(txid);
    assert.equal(info.receipt.result, 'REVERT');
    assert.equal(info.result, 'FAILED');
    assert.equal(Buffer.from(info.resMessage, 'hex').toString(), 'REVERT opcode executed');
    assert.equal(info.log, undefined);
}

async function whatIsUnknownIsSaidToBeUnknown() {
    await assert.rejects(tronWeb.trx.getTransaction('ab'.repeat(32)), /Transaction not found/);
    assert.deepEqual(await tronWeb.trx.getTransactionInfo('ab'.repeat(32)), {});
    const stranger = (await tronWeb.createAccount()).address.base58;
    assert.equal(await tronWeb.trx.getBalance(stranger), 0);
}

async function energyIsEstimated() {
    const cost = await tronWeb.transactionBuilder.triggerConstantContract(
        sandbox.usdt,
        'transfer(address,uint256)',
        {},
        [{ type: 'address', value: recipient }, { type: 'uint256', value: 1 }],
        payer.address,
    );
    assert.equal(cost.result.result, true);
    assert.ok(cost.energy_used > 10_000);
    const estimated = await tronWeb.transactionBuilder.estimateEnergy(
        sandbox.usdt,
        'transfer(address,uint256)',
        {},
        [{ type: 'address', value: recipient }, { type: 'uint256', value: 1 }],
        payer.address,
    );
    assert.ok(estimated.energy_required >= cost.energy_used);
}

await theNetworkAnswers();
const usdt = await balancesAreReadable();
await energyIsEstimated();
await usdtIsSentAndSettles(usdt);
await aTransferBuiltAtHomeIsTaken();
await trxIsSent();
await aTransferOfTooMuchIsTakenAndReverts(usdt);
await whatIsUnknownIsSaidToBeUnknown();
console.log('tronweb: sent USDT and TRX, read balances, receipts and events, waited for solid blocks');
