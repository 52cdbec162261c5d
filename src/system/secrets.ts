// An agent's secrets: made at its first start, kept in its folder with mode 0600, never shown. What DNS must publish of
// them (the public DKIM keys) is in `dkim[].record`.

import { keyRecord, makeEd25519Key, privateKeyPem, readPrivateKey } from '../identity/dkim/keys.ts'
import type { AgentSecrets, DkimKey } from '../roles/agent.ts'
import type { World } from '../world/world.ts'
import type { AgentPlan } from './description.ts'

const FILE = 'secrets.json'

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

/** Reads the agent's secrets, or makes and keeps what is missing. @throws DiskError; Error when the file is damaged */
export async function secretsOf(world: World, names: Names): Promise<AgentSecrets> {
  const file = await world.disk.readFile(FILE)
  const found = file === undefined ? await make(world, names) : (JSON.parse(file.toString('utf8')) as Kept)
  const missing = names.signsFor.filter(
    ({ domain }) => !found.dkim.some((key) => (key.domain ?? names.domain) === domain),
  )
  const made = await Promise.all(missing.map(({ domain, suffix }) => makeKeys(world, domain, suffix)))
  const kept = { ...found, dkim: [...found.dkim, ...made.flat()] }
  if (file === undefined || missing.length > 0)
    await world.disk.writeFile(FILE, Buffer.from(JSON.stringify(kept)), { secret: true })
  return {
    tls: kept.tls,
    dkim: kept.dkim.map((key) => dkimKey(key, names.domain)),
    server: Buffer.from(kept.server, 'base64'),
    srs: kept.srs,
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
