// An agent's secrets: made at its first start, kept in its folder with mode 0600, never shown. What DNS must publish of
// them (the public DKIM keys) is in `dkim[].record`. Nodes that share a store share them, too: the first node seals them
// (AES-256-GCM) and puts them into the store; the key is a file that it makes in its folder, and that an administrator
// copies into the folder of every other node.

import { createCipheriv, createDecipheriv } from 'node:crypto'
import { keyRecord, makeEd25519Key, privateKeyPem, readPrivateKey } from '../identity/dkim/keys.ts'
import type { AgentSecrets, DkimKey } from '../roles/agent.ts'
import type { Vault } from '../store/open.ts'
import type { World } from '../world/world.ts'
import type { AgentPlan } from './description.ts'

const FILE = 'secrets.json'
/** Opens what nodes share: 32 bytes, base64. */
const NODE_KEY = 'node.key'
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/** As it lies on disk. */
interface Kept {
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string }
  /** `domain`: the agent's own, where it is not said. */
  readonly dkim: readonly KeptKey[]
  readonly server: string
  readonly srs: readonly string[]
}

interface KeptKey {
  readonly selector: string
  readonly privateKeyPem: string
  readonly domain?: string
}

type Names = Pick<AgentPlan, 'domain' | 'hostName' | 'ip' | 'signsFor'>

/**
 * Reads the agent's secrets, or makes and keeps what is missing; `vault`: where its nodes share them.
 * @throws DiskError; Error when the file is damaged, or the key of the nodes is missing or another
 */
export async function secretsOf(world: World, names: Names, vault?: Vault): Promise<AgentSecrets> {
  const kept = vault === undefined ? await ownSecrets(world, names) : await sharedSecrets(world, names, vault)
  return {
    tls: kept.tls,
    dkim: kept.dkim.map((key) => dkimKey(key, names.domain)),
    server: Buffer.from(kept.server, 'base64'),
    srs: kept.srs,
  }
}

async function ownSecrets(world: World, names: Names): Promise<Kept> {
  const file = await world.disk.readFile(FILE)
  const found = file === undefined ? undefined : (JSON.parse(file.toString('utf8')) as Kept)
  const kept = await completed(world, names, found)
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
  const made = await Promise.all(missing.map(({ domain, suffix }) => makeKeys(world, domain, suffix)))
  return { ...begun, dkim: [...begun.dkim, ...made.flat()] }
}

async function sharedSecrets(world: World, names: Names, vault: Vault): Promise<Kept> {
  // Another node may be first at the same moment: then what it keeps is looked at.
  for (;;) {
    const sealed = await vault.read()
    if (sealed === undefined) {
      const own = await ownSecrets(world, names)
      await makeNodeKey(world)
      await vault.keep(await seal(world, names, own))
      continue
    }
    const text = unsealed(sealed, await nodeKey(world, names.domain), names.domain)
    const found = JSON.parse(text.toString('utf8')) as Kept
    const kept = await completed(world, names, found)
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

async function makeKeys(world: World, domain: string, suffix: string): Promise<KeptKey[]> {
  const rsa = await world.keymaker.rsa()
  return [
    { domain, selector: `rsa1${suffix}`, privateKeyPem: privateKeyPem(rsa) },
    { domain, selector: `ed1${suffix}`, privateKeyPem: privateKeyPem(makeEd25519Key(world.random)) },
  ]
}

function dkimKey({ selector, privateKeyPem: pem, domain: named }: KeptKey, own: string): DkimKey {
  const domain = named ?? own
  const privateKey = readPrivateKey(pem)
  if (privateKey === undefined) throw new Error(`the DKIM key ${selector} of ${domain} in ${FILE} cannot be read`)
  const algorithm = privateKey.asymmetricKeyType === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256'
  return { domain, selector, algorithm, privateKey, record: keyRecord(privateKey, domain, selector).text }
}
