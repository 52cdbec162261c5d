// An agent's secrets: made at its first start, kept in its folder with mode 0600, never shown. Nodes that share a store
// share them, too: the first node seals them (AES-256-GCM) and puts them into the store; the key is a file that it makes in
// its folder, and that an administrator copies into the folder of every other node. What changes in the life of DKIM keys
// (src/identity/dkim/rotation.ts) is kept here in the same way, and other nodes read it.

import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { keyRecord, makeEd25519Key, privateKeyPem, readPrivateKey } from '../identity/dkim/keys.ts'
import { type KeyFacts, maySign } from '../identity/dkim/rotation.ts'
import type { AgentSecrets, DkimKey } from '../roles/agent.ts'
import type { Vault } from '../store/open.ts'
import type { TlsIdentity } from '../world/network.ts'
import type { World } from '../world/world.ts'
import type { AgentPlan } from './plan.ts'

const FILE = 'secrets.json'
/** Opens what nodes share: 32 bytes, base64. */
const NODE_KEY = 'node.key'
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/** As it lies on disk. */
interface Kept {
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string }
  readonly dkim: readonly KeptKey[]
  /** The highest number in a selector of each line so far: none is used twice. */
  readonly dkimMade?: Readonly<Record<string, number>>
  readonly server: string
  readonly srs: readonly string[]
}

/** A key of DKIM and where it is in its life. */
interface KeptKey extends Partial<KeyFacts> {
  readonly selector: string
  /** Nothing once it is revoked. */
  readonly privateKeyPem: string
  /** The agent's own, where it is not said. */
  readonly domain?: string
  /** What DNS is to show, where the private key is gone. */
  readonly record?: string
}

/** What is to be known of a key outside of here. */
export interface KnownKey extends KeyFacts {
  readonly domain: string
  readonly algorithm: DkimKey['algorithm']
  /** The TXT record that publishes it, or takes it back. */
  readonly record: string
}

type Names = Pick<AgentPlan, 'domain' | 'hostName' | 'ip' | 'signsFor'>

/**
 * Reads the agent's secrets, or makes and keeps what is missing; `vault`: where its nodes share them.
 * @throws DiskError; Error when the file is damaged, or the key of the nodes is missing or another
 */
export async function secretsOf(world: World, names: Names, vault?: Vault): Promise<Secrets> {
  const change: Change = (found) => completed(world, names, found)
  const keep = (how: Change) =>
    vault === undefined ? keepOwn(world, how) : keepShared({ world, names, vault, first: change }, how)
  return new Secrets(world, names.domain, await keep(change), (how) => keep(async (found) => how(found!)))
}

/** Has this agent ever run. @throws DiskError */
export async function haveSecrets({ disk }: Pick<World, 'disk'>): Promise<boolean> {
  return (await disk.readFile(FILE)) !== undefined
}

/** The secrets of an agent that runs: others change what is kept of its keys, and what it may sign with follows. */
export class Secrets implements AgentSecrets {
  tls: TlsIdentity
  readonly server: Buffer
  readonly srs: readonly string[]
  readonly #world: World
  readonly #domain: string
  readonly #keep: (change: (kept: Kept) => Promise<Kept>) => Promise<Kept>
  #kept: Kept | undefined
  /** One change after the other. */
  #changing: Promise<unknown> = Promise.resolve()
  #keys: readonly { readonly known: KnownKey; readonly privateKey: KeyObject | undefined }[] = []
  /** By their text, those that are kept and no others: the life of a key changes far more often than the key. */
  readonly #parsed = new Map<string, ParsedKey>()

  constructor(
    world: World,
    domain: string,
    kept: Kept,
    keep: (change: (kept: Kept) => Promise<Kept>) => Promise<Kept>,
  ) {
    this.#world = world
    this.#domain = domain
    this.#keep = keep
    this.tls = kept.tls
    this.server = Buffer.from(kept.server, 'base64')
    this.srs = kept.srs
    this.#read(kept)
  }

  get dkim(): readonly DkimKey[] {
    const nowMs = this.#world.clock.now()
    return this.#keys.flatMap(({ known, privateKey }) =>
      privateKey !== undefined && maySign(known, nowMs) ? [{ ...known, privateKey }] : [],
    )
  }

  /** Every key, signing or not. */
  get keys(): readonly KnownKey[] {
    return this.#keys.map(({ known }) => known)
  }

  /** What other nodes have changed is read. @throws DiskError */
  async refresh(): Promise<void> {
    await this.#change(async (kept) => kept)
  }

  /** Changes the life of the keys; what is returned is durable, and may be called for twice. @throws DiskError */
  async changeKeys(change: (keys: readonly KnownKey[]) => readonly KnownKey[]): Promise<void> {
    await this.#change(async (before) => {
      const after = change(before.dkim.map((key) => this.#readKey(key).known))
      const dkim = after.flatMap((known) => {
        const old = before.dkim.find((key) => isThe(key, known, this.#domain))
        return old === undefined ? [] : [withFacts(old, known)]
      })
      return JSON.stringify(dkim) === JSON.stringify(before.dkim) ? before : { ...before, dkim }
    })
  }

  /** Makes the next key of a line, unless there is one that waits. @throws DiskError */
  async makeNext(domain: string, algorithm: DkimKey['algorithm']): Promise<void> {
    const pem = await makeKey(this.#world, algorithm)
    await this.#change(async (before) => {
      const keys = before.dkim.map((key) => this.#readKey(key).known)
      const line = keys.filter((key) => key.domain === domain && key.algorithm === algorithm)
      if (line.some(({ state }) => state === 'prepared' || state === 'published')) return before
      const made = before.dkimMade?.[`${prefixOf[algorithm]} ${domain}`] ?? 0
      const number = 1 + Math.max(made, ...line.map(({ selector }) => numberIn(selector)))
      const suffix = /-.*$/.exec(keys.find((key) => key.domain === domain)?.selector ?? '')?.[0] ?? ''
      const selector = `${prefixOf[algorithm]}${number}${suffix}`
      const fresh = freshKey(domain, selector, pem, this.#world.clock.now())
      const dkimMade = { ...before.dkimMade, [`${prefixOf[algorithm]} ${domain}`]: number }
      return { ...before, dkimMade, dkim: [...before.dkim, fresh] }
    })
  }

  #change(how: (kept: Kept) => Promise<Kept>): Promise<void> {
    const changed = this.#changing.then(async () => this.#read(await this.#keep(how)))
    this.#changing = changed.catch(() => {})
    return changed
  }

  #read(kept: Kept): void {
    const isSame = this.#kept !== undefined && JSON.stringify(kept.dkim) === JSON.stringify(this.#kept.dkim)
    this.#kept = kept
    if (isSame) return
    this.#keys = kept.dkim.map((key) => this.#readKey(key))
    const texts = new Set(kept.dkim.map(({ privateKeyPem }) => privateKeyPem))
    for (const text of this.#parsed.keys()) if (!texts.has(text)) this.#parsed.delete(text)
  }

  /** A key from before keys had a life waits to be seen, as a new one does. */
  #readKey(key: KeptKey): { known: KnownKey; privateKey: KeyObject | undefined } {
    const { selector, privateKeyPem: pem, domain = this.#domain, state = 'prepared', sinceMs = 0, looks = 0 } = key
    const facts = { domain, selector, state, sinceMs, looks, shownMs: key.shownMs, lookedMs: key.lookedMs }
    if (key.record !== undefined) {
      const algorithm = key.record.includes('k=ed25519') ? 'ed25519-sha256' : 'rsa-sha256'
      return { known: { ...facts, algorithm, record: key.record }, privateKey: undefined }
    }
    const found = this.#parsed.get(pem) ?? parsedKey(pem, domain, selector)
    if (found === undefined) throw new Error(`the DKIM key ${selector} of ${domain} in ${FILE} cannot be read`)
    this.#parsed.set(pem, found)
    const { privateKey, algorithm, record } = found
    return { known: { ...facts, algorithm, record }, privateKey }
  }
}

const prefixOf: Record<DkimKey['algorithm'], string> = { 'rsa-sha256': 'rsa', 'ed25519-sha256': 'ed' }
const numberIn = (selector: string) => Number(/^[a-z]+(\d{1,6})/.exec(selector)?.[1] ?? 0)
const isThe = (key: KeptKey, { domain, selector }: KnownKey, own: string) =>
  key.selector === selector && (key.domain ?? own) === domain

/** A revoked key is thrown away: who finds the folder later signs nothing with it. */
function withFacts(key: KeptKey, { state, sinceMs, looks, shownMs, lookedMs }: KnownKey): KeptKey {
  const facts = { ...key, state, sinceMs, looks, shownMs, lookedMs }
  if (state !== 'revoked' || key.privateKeyPem === '') return facts
  const type = readPrivateKey(key.privateKeyPem)?.asymmetricKeyType
  return { ...facts, privateKeyPem: '', record: `v=DKIM1; k=${type}; p=` }
}

async function keepOwn(world: World, how: Change): Promise<Kept> {
  const file = await world.disk.readFile(FILE)
  const found = file === undefined ? undefined : (JSON.parse(file.toString('utf8')) as Kept)
  const kept = await how(found)
  if (kept !== found) await world.disk.writeFile(FILE, Buffer.from(JSON.stringify(kept)), { secret: true })
  return kept
}

/** What was found itself, if nothing is missing. */
async function completed(world: World, names: Names, found: Kept | undefined): Promise<Kept> {
  const begun = found ?? (await make(world, names))
  const missing = names.signsFor.filter(
    ({ domain }) => !begun.dkim.some((key) => (key.domain ?? names.domain) === domain),
  )
  if (missing.length === 0) return begun
  const made = await Promise.all(missing.map(({ domain, suffix }) => firstKeys(world, domain, suffix)))
  return { ...begun, dkim: [...begun.dkim, ...made.flat()] }
}

type Change = (found: Kept | undefined) => Promise<Kept>

/** `first`: makes them, where no node has. */
async function keepShared(
  { world, names, vault, first }: { world: World; names: Names; vault: Vault; first: Change },
  how: Change,
): Promise<Kept> {
  // Another node may be first at the same moment: then what it keeps is looked at.
  for (;;) {
    const sealed = await vault.read()
    if (sealed === undefined) {
      const own = await keepOwn(world, first)
      await makeNodeKey(world)
      await vault.keep(await seal(world, names, own))
      continue
    }
    const text = unsealed(sealed, await nodeKey(world, names.domain), names.domain)
    const found = JSON.parse(text.toString('utf8')) as Kept
    const kept = await how(found)
    if (kept !== found) {
      await vault.keep(await seal(world, names, kept), sealed)
      continue
    }
    // A copy, for those who look at a node from outside: what DNS must say is computed from it.
    if (!(await world.disk.readFile(FILE))?.equals(text)) await world.disk.writeFile(FILE, text, { secret: true })
    return kept
  }
}

async function makeNodeKey(world: World): Promise<void> {
  if ((await world.disk.readFile(NODE_KEY)) !== undefined) return
  const fresh = `${world.random.bytes(KEY_BYTES).toString('base64')}\n`
  await world.disk.writeFile(NODE_KEY, Buffer.from(fresh), { secret: true })
}

async function seal(world: World, { domain }: Names, kept: Kept): Promise<Buffer> {
  const iv = world.random.bytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', await nodeKey(world, domain), iv).setAAD(Buffer.from(domain))
  const text = Buffer.concat([cipher.update(JSON.stringify(kept), 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), text])
}

async function nodeKey(world: World, domain: string): Promise<Buffer> {
  const file = await world.disk.readFile(NODE_KEY)
  const key = Buffer.from(file?.toString('utf8') ?? '', 'base64')
  if (key.length === KEY_BYTES) return key
  const what = file === undefined ? `${NODE_KEY} is missing in the folder of this node` : `${NODE_KEY} is no key`
  throw new Error(
    `${what}: copy it from the folder of another node of ${domain}. It opens the secrets that they share.`,
  )
}

function unsealed(sealed: Buffer, key: Buffer, domain: string): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(domain)).setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), decipher.final()])
  } catch {
    throw new Error(`${NODE_KEY} does not open the secrets of ${domain}: copy it from the folder of another node.`)
  }
}

async function make(world: World, names: Names): Promise<Kept> {
  return {
    tls: await world.keymaker.tlsIdentity([names.hostName, names.domain, names.ip]),
    dkim: [],
    server: world.random.bytes(32).toString('base64'),
    srs: [world.random.bytes(24).toString('base64')],
  }
}

async function firstKeys(world: World, domain: string, suffix: string): Promise<KeptKey[]> {
  const nowMs = world.clock.now()
  const make = async (algorithm: DkimKey['algorithm']) =>
    freshKey(domain, `${prefixOf[algorithm]}1${suffix}`, await makeKey(world, algorithm), nowMs)
  return [await make('rsa-sha256'), await make('ed25519-sha256')]
}

async function makeKey(world: World, algorithm: DkimKey['algorithm']): Promise<string> {
  return privateKeyPem(algorithm === 'rsa-sha256' ? await world.keymaker.rsa() : makeEd25519Key(world.random))
}

function freshKey(domain: string, selector: string, pem: string, nowMs: number): KeptKey {
  return { domain, selector, privateKeyPem: pem, state: 'prepared', sinceMs: nowMs, looks: 0 }
}

interface ParsedKey {
  readonly privateKey: KeyObject
  readonly algorithm: DkimKey['algorithm']
  readonly record: string
}

function parsedKey(pem: string, domain: string, selector: string): ParsedKey | undefined {
  const privateKey = readPrivateKey(pem)
  if (privateKey === undefined) return undefined
  const algorithm = privateKey.asymmetricKeyType === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256'
  // What DNS is to show depends on the key alone.
  return { privateKey, algorithm, record: keyRecord(privateKey, domain, selector).text }
}
