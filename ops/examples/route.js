#!/usr/bin/env node
// A router in JavaScript: asks Redis who may do a piece of work, hears of narrowings, bears Redis being away.
//
//   route.js [--redis HOST:PORT] [--prefix P] [--capability C] [--tasks N] [--every SECONDS]
//
// A task a second, without end; or N of them. Redis and prefix: else $TROTH_REDIS_ADDRESS (127.0.0.1:6379) and
// $TROTH_PREFIX (troth). Needs the package redis, 4.x: Debian's node-redis, or `npm install redis@4`.
// Rules: schemas/redis.md.
'use strict';
const { randomBytes } = require('crypto');
const { setTimeout: wait } = require('timers/promises');
const { parseArgs } = require('util');
const { createClient } = require('redis');

const text = (fallback) => ({ type: 'string', default: fallback });
const { values: options } = parseArgs({ options: {
  redis: text(process.env.TROTH_REDIS_ADDRESS || '127.0.0.1:6379'), prefix: text(process.env.TROTH_PREFIX || 'troth'),
  capability: text('refund'), tasks: text('0'), every: text('1') } });
const stream = `${options.prefix}:interventions`;
let known = []; // what was answered last, for when Redis is away
let last = null; // the last entry of the stream that was read

// A command fails at once where Redis is away: a task cannot wait for it.
const client = createClient({ url: `redis://${options.redis}`, disableOfflineQueue: true,
  socket: { connectTimeout: 1000, reconnectStrategy: () => 200 } });
const listener = client.duplicate({ disableOfflineQueue: false });
for (const one of [client, listener]) one.on('error', () => {});

// Without Redis: its share of the work, until then; its scope past good_until is not known here.
function mayStill(agent) {
  const trusted = ['clear', 'warn'].includes(agent.rung);
  const until = Math.min(agent.offerUntil, trusted ? agent.goodUntil : Infinity);
  return Date.now() * 1000 < until && Math.random() < agent.traffic;
}

// Returns an agent that may be given the work now (undefined: nobody may have it), and whether Redis said so.
async function pick() {
  try {
    const random = randomBytes(8).readBigUInt64LE().toString();
    const found = await client.sendCommand(
      ['FCALL_RO', 'troth_route', '1', `${options.prefix}:route:${options.capability}`, '8', random]);
    known = found.map(([agent, score, rung, traffic, , , goodUntil, offerUntil]) =>
      ({ agent, score, rung, traffic: Number(traffic), goodUntil: Number(goodUntil), offerUntil: Number(offerUntil) }));
    return [known[0], true];
  } catch (error) { // away, or just back and not filled yet
    console.error(`route.js: ${error.message}`);
    return [known.filter(mayStill).sort(() => Math.random() - 0.5)[0], false];
  }
}

const forget = (agent) => { known = known.filter((one) => agent !== undefined && one.agent !== agent); };

// What the channel did not tell: a message may be lost, an entry of the stream is not, until it is cut off.
async function catchUp() {
  if (last === null) last = ((await client.xRevRange(stream, '+', '-', { COUNT: 1 }))[0] || { id: '0-0' }).id;
  let entries = await client.xRange(stream, last, '+', { COUNT: 1000 });
  if (last !== '0-0' && (entries.length === 0 || entries[0].id !== last)) {
    console.log('gap: entries may be missing, so nothing is known any more');
    forget();
    last = '0-0';
  }
  while (entries.length > 0) {
    for (const { message } of entries) forget(message.record && JSON.parse(message.record).agent);
    last = entries[entries.length - 1].id;
    entries = await client.xRange(stream, `(${last}`, '+', { COUNT: 1000 });
  }
}

async function listen() {
  await listener.connect();
  await listener.subscribe(`${options.prefix}:narrowed`, (message) => {
    const told = JSON.parse(message);
    forget(told.agent);
    console.log(`narrowed: ${told.agent} ${told.from} -> ${told.to}`);
  });
  for (;;) {
    await catchUp().catch(() => {});
    await wait(1000);
  }
}

async function main() {
  await client.connect();
  listen();
  for (let task = 1; task <= Number(options.tasks) || options.tasks === '0'; task++) {
    const [agent, asked] = await pick();
    const who = agent ? `${agent.agent} (${agent.rung}, score ${agent.score})` : 'nobody may have it now';
    console.log(`task ${task}: ${who}${asked ? '' : ', from memory'}`);
    await wait(1000 * options.every);
  }
  process.exit(0);
}

main().catch((error) => { console.error(`route.js: ${error.message}`); process.exit(1); });
