"""The worker that a team would write in a day: jobs from RabbitMQ, USDT on TRON, one commit for each step in PostgreSQL.

It is what payoutd is held against in `cargo bench --bench fleet`, and it works: on a good day each job is paid once, and a
payout is settled when its transfer stands in a solidified block with the result SUCCESS. Jobs are worked on concurrently,
connections are pooled, and blocks are read once for all transfers in them. What it has none of: an answer to a crash between
two steps, a second source, limits, a journal, forks, a node that lies. Transactions are built here, upon a block that is
asked for now and then, so that a payout costs the node one request.

    python worker.py          with AMQP_URL, QUEUE, POSTGRES_URL, SCHEMA, NODE_URL, USDT, WALLET, WALLET_KEY
"""

import asyncio
import json
import os
from decimal import Decimal

import aio_pika
import asyncpg
from tronpy import AsyncTron
from tronpy.keys import PrivateKey
from tronpy.providers import AsyncHTTPProvider

# More would only keep the watcher waiting for its turn.
PREFETCH = 32
CONNECTIONS = 16
LOOK_EVERY_S = 0.2
FEE_LIMIT_SUN = 100_000_000
MICRO = 1_000_000

TABLE = """
CREATE TABLE IF NOT EXISTS payout (
    key        text PRIMARY KEY,
    recipient  text NOT NULL,
    amount     bigint NOT NULL,
    reference  text,
    status     text NOT NULL,
    txid       text,
    raw_data   text,
    block      bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS payout_txid ON payout (txid);
"""


class Worker:
    def __init__(self, pool, tron, usdt):
        self.pool = pool
        self.tron = tron
        self.usdt = usdt
        self.wallet = os.environ["WALLET"]
        self.key = PrivateKey(bytes.fromhex(os.environ["WALLET_KEY"]))
        self.waiting = {}
        self.ref_block_id = None

    async def on_job(self, message):
        order = json.loads(message.body)
        amount = int(Decimal(order["amount"]) * MICRO)
        # The key is the primary key: a job that comes again is not paid again.
        done = await self.pool.execute(
            "INSERT INTO payout (key, recipient, amount, reference, status) VALUES ($1, $2, $3, $4, 'received') "
            "ON CONFLICT DO NOTHING",
            message.message_id, order["recipient"], amount, order.get("reference"),
        )
        if done == "INSERT 0 1":
            await self.pay(message.message_id, order["recipient"], amount)
        await message.ack()

    async def pay(self, key, recipient, amount):
        builder = await self.usdt.functions.transfer(recipient, amount)
        builder = builder.with_owner(self.wallet).fee_limit(FEE_LIMIT_SUN)
        transaction = await builder.build(offline=True, ref_block_id=self.ref_block_id)
        transaction = transaction.sign(self.key)
        await self.pool.execute(
            "UPDATE payout SET status = 'signed', txid = $2, raw_data = $3, updated_at = now() WHERE key = $1",
            key, transaction.txid, json.dumps(transaction.to_json()["raw_data"]),
        )
        self.waiting[transaction.txid] = key
        await self.tron.broadcast(transaction)
        # The watcher may have seen it in a block already.
        await self.pool.execute(
            "UPDATE payout SET status = 'broadcast', updated_at = now() WHERE key = $1 AND status = 'signed'", key
        )

    async def look(self):
        """The newest solidified block: what new transactions refer to, and how far settling goes."""
        block = await self.tron.get_latest_solid_block()
        self.ref_block_id = block["blockID"]
        return block["block_header"]["raw_data"]["number"]

    async def watch(self, last):
        while True:
            solid = await self.look()
            await asyncio.gather(*(self.read_block(number) for number in range(last + 1, solid + 1)))
            last = solid
            await asyncio.sleep(LOOK_EVERY_S)

    async def read_block(self, number):
        infos = await self.tron.provider.make_request("walletsolidity/gettransactioninfobyblocknum", {"num": number})
        ours = [info for info in infos if info["id"] in self.waiting]
        await asyncio.gather(*(self.settle(number, info) for info in ours))

    async def settle(self, number, info):
        status = "settled" if info["receipt"]["result"] == "SUCCESS" else "failed"
        key = self.waiting.pop(info["id"])
        await self.pool.execute(
            "UPDATE payout SET status = $2, block = $3, updated_at = now() WHERE key = $1", key, status, number
        )


async def main():
    pool = await asyncpg.create_pool(
        os.environ["POSTGRES_URL"],
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        server_settings={"search_path": os.environ["SCHEMA"]},
    )
    await pool.execute(TABLE)
    async with AsyncTron(AsyncHTTPProvider(os.environ["NODE_URL"])) as tron:
        worker = Worker(pool, tron, await tron.get_contract(os.environ["USDT"]))
        connection = await aio_pika.connect_robust(os.environ["AMQP_URL"])
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=PREFETCH)
        queue = await channel.get_queue(os.environ["QUEUE"], ensure=False)
        last = await worker.look()
        await queue.consume(worker.on_job)
        await worker.watch(last)


asyncio.run(main())
