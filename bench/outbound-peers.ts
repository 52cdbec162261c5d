// Borderpost's MSA/Transmitter beside Postfix, Postfix with OpenDKIM and Postfix with rspamd signing: one run, interleaved, the
// same load (smtp-source) and the same sink (smtp-sink), by the kit in ../shared/bench/peers, which must have been set up in a
// folder (its README says how). Each line is the median of the rounds: messages a second through, CPU a message, and that of
// the whole machine. A quiet machine, please, and root, which Postfix wants.
//
//   npm run bench:outbound -- peers FOLDER [messages] [sessions] [rounds]

import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from '../src/notation/parse.ts'
import type { ZoneRecord } from '../src/protocols/dns/zone.ts'
import { INTERNET_PORTS } from '../src/system/agent.ts'
import { planSystem } from '../src/system/description.ts'
import { startSystem } from '../src/system/start.ts'
import { labZone } from '../src/system/zones.ts'
import type { DnsAnswer, DnsRecords, DnsType } from '../src/world/dns.ts'
import { realWorld } from '../src/world/real/world.ts'

const KIT = resolve(process.env.PEERS_KIT ?? '../shared/bench/peers')
const OUR_IP = '127.0.10.1'
const OUR_PORT = 4587
const DESCRIPTION = (signs: boolean) => `
Author@anna ==> MSA/Transmitter@sender --> /
sender: domain=signer.test, ip=${OUR_IP}, network=127.0.0.0/8, dkim=${signs ? 'yes' : 'no'}, suppress=no
anna: address=sender@signer.test
`

/** What is measured, what of the kit it needs, and whose CPU it costs. */
const CONTESTANTS: Readonly<Record<string, { signs?: boolean; peers?: readonly string[]; cpu: readonly string[] }>> = {
  'Borderpost, unsigned': { signs: false, cpu: [] },
  'Postfix, unsigned': { peers: ['postfix-plain'], cpu: ['postfix-plain'] },
  'Borderpost, DKIM rsa-2048 and ed25519': { signs: true, cpu: [] },
  'Postfix, OpenDKIM rsa-2048': { peers: ['opendkim', 'postfix-opendkim'], cpu: ['opendkim', 'postfix-opendkim'] },
  'Postfix, rspamd rsa-2048': {
    peers: ['redis', 'rspamd', 'postfix-rspamd'],
    cpu: ['rspamd', 'postfix-rspamd'],
  },
}

interface Row {
  readonly rate: number
  readonly cpuMs: number
  readonly machineMs: number
  readonly foreignCores: number
}

export async function besidePeers(folder: string, messages = 4000, sessions = 20, rounds = 3): Promise<void> {
  const kit = new Kit(folder)
  const rows = new Map<string, Row[]>()
  kit.run('start', 'dns', 'sink')
  try {
    for (let round = 1; round <= rounds; round++)
      for (const [name, { signs, peers = [], cpu }] of Object.entries(CONTESTANTS)) {
        const ours = signs === undefined ? undefined : await Ours.start(signs, kit.sinkPort)
        kit.run('start', ...peers)
        try {
          const pids = Object.fromEntries(cpu.map((peer) => [peer, kit.pidFile(peer)]))
          const target = ours ?? { host: '127.0.0.1', port: kit.smtpPort, cpu: pids }
          // A server that has just been started is not what people have: the first thousands of messages cost ours half as
          // much again, until the engine has compiled what is used.
          kit.load(target, messages, sessions)
          const row = kit.load(target, messages, sessions)
          rows.set(name, [...(rows.get(name) ?? []), row])
          console.log(`round ${round}, ${name}: ${spell(row)}`)
        } finally {
          await ours?.stop()
          kit.run('stop', ...[...peers].reverse())
        }
      }
  } finally {
    kit.run('stop', 'sink', 'dns')
  }
  console.log(`\nmedians of ${rounds} rounds, ${messages} messages of 2 KB, ${sessions} sessions`)
  for (const [name, of] of rows) {
    const median = (key: keyof Row) => of.map((row) => row[key]).sort((a, b) => a - b)[of.length >> 1]!
    const row = { rate: median('rate'), cpuMs: median('cpuMs'), machineMs: median('machineMs') }
    console.log(`${name}: ${spell({ ...row, foreignCores: median('foreignCores') })}`)
  }
}

const spell = ({ rate, cpuMs, machineMs, foreignCores }: Row) =>
  `${Math.round(rate)}/s, ${cpuMs.toFixed(2)} ms CPU a message (the whole machine ${machineMs.toFixed(2)}; others' work ${foreignCores.toFixed(2)} cores)`

/** The kit of peers: its scripts, told what to do. */
class Kit {
  readonly smtpPort: number
  readonly sinkPort: number

  private readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    const file = join(folder, 'ports.env')
    if (!existsSync(file)) throw new Error(`${folder} is not set up: run ${KIT}/setup.sh ${folder} first`)
    const text = readFileSync(file, 'utf8')
    const port = (name: string) => Number(new RegExp(`^${name}=(\\d+)`, 'm').exec(text)?.[1])
    this.smtpPort = port('SMTP_PORT')
    this.sinkPort = port('SINK_PORT')
  }

  run(action: 'start' | 'stop', ...names: readonly string[]): void {
    if (names.length > 0)
      execFileSync(join(KIT, 'peers.sh'), [this.folder, action, ...names], { stdio: ['ignore', 'ignore', 'inherit'] })
  }

  pidFile(name: string): string {
    return execFileSync(join(KIT, 'peers.sh'), [this.folder, 'pid', name], { encoding: 'utf8' }).trim()
  }

  load(
    { host, port, cpu }: { host: string; port: number; cpu: Record<string, string> },
    messages: number,
    sessions: number,
  ): Row {
    const options = {
      host,
      port,
      sink: join(this.folder, 'log/sink.out'),
      mode: 'relay',
      msgs: messages,
      sessions,
      file: join(this.folder, 'msg/out-2.eml'),
      repeat: 1,
      cpu: Object.entries(cpu)
        .map((pair) => pair.join('='))
        .join(','),
    }
    const words = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)])
    const said = JSON.parse(execFileSync('node', [join(KIT, 'outbound.mjs'), ...words], { encoding: 'utf8' }))
    const cpuMs = Object.keys(cpu).reduce((sum, name) => sum + said[`cpu_${name}_ms`], 0)
    return { rate: said.rate, cpuMs, machineMs: said.sys_ms, foreignCores: said.foreign_cores }
  }
}

/** Ours, in a process of its own, with the kit's sink as everybody's host. */
class Ours {
  readonly host = OUR_IP
  readonly port = OUR_PORT
  readonly cpu: Record<string, string>

  private readonly child: ChildProcess
  private readonly folder: string

  private constructor(child: ChildProcess, folder: string) {
    this.child = child
    this.folder = folder
    const file = join(folder, 'pid')
    writeFileSync(file, String(child.pid))
    this.cpu = { borderpost: file }
  }

  static async start(signs: boolean, sinkPort: number): Promise<Ours> {
    // Not /tmp, which may be memory.
    const folder = mkdtempSync(join(process.cwd(), '.bench-outbound-'))
    const child = fork(import.meta.filename, ['serve', folder, String(signs), String(sinkPort)])
    await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(() => Promise.reject(new Error('Borderpost did not start'))),
    ])
    return new Ours(child, folder)
  }

  async stop(): Promise<void> {
    this.child.send('stop')
    await once(this.child, 'exit')
    rmSync(this.folder, { recursive: true })
  }
}

async function serve(folder: string, signs: boolean, sinkPort: number): Promise<void> {
  let published: readonly ZoneRecord[] = []
  const answer = async <T extends DnsType>(name: string, type: T): Promise<DnsAnswer<DnsRecords[T]>> => {
    const own = published.filter((one) => one.name === name && one.type === type).map(({ data }) => data)
    const records = (own.length > 0 || type !== 'A' ? own : ['127.0.0.1']) as DnsRecords[T][]
    return records.length > 0
      ? { status: 'records', records, ttlS: 60, authenticated: false }
      : { status: 'no-data', authenticated: false }
  }
  const system = await startSystem(planSystem(parse(DESCRIPTION(signs)).model).plan, {
    worldOf: ({ id }) => realWorld({ folder: join(folder, id), dns: () => ({ resolve: answer }) }),
    publish: (agents) => {
      published = labZone(agents).records
    },
    ports: { ...INTERNET_PORTS, smtp: sinkPort, submission: OUR_PORT, submissions: 4465 },
    search: false,
    iterations: 4096,
    log: (agent, level, text) => level !== 'info' && console.error(`${agent}: ${text}`),
  })
  process.on('message', async () => {
    await system.stop()
    process.exit()
  })
  process.send!('ready')
}

if (process.argv[2] === 'serve') await serve(process.argv[3]!, process.argv[4] === 'true', Number(process.argv[5]))
