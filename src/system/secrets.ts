// An agent's secrets: made at its first start, kept in its folder with mode 0600, never shown. What DNS must publish of
// them (the public DKIM keys) is in `dkim[].record`.

import { keyRecord, makeEd25519Key, privateKeyPem, readPrivateKey } from '../identity/dkim/keys.ts'
import type { AgentSecrets, DkimKey } from '../roles/agent.ts'
import type { World } from '../world/world.ts'

const FILE = 'secrets.json'

/** As it lies on disk. */
interface Kept {
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string }
  readonly dkim: readonly { readonly selector: string; readonly privateKeyPem: string }[]
  readonly server: string
  readonly srs: readonly string[]
}

/** Reads the agent's secrets, or makes and keeps them. @throws DiskError; Error when the file is damaged */
export async function secretsOf(
  world: World,
  names: { domain: string; hostName: string; ip: string },
): Promise<AgentSecrets> {
  const file = await world.disk.readFile(FILE)
  const kept = file === undefined ? await make(world, names) : (JSON.parse(file.toString('utf8')) as Kept)
  if (file === undefined) await world.disk.writeFile(FILE, Buffer.from(JSON.stringify(kept)), { secret: true })
  return {
    tls: kept.tls,
    dkim: kept.dkim.map(({ selector, privateKeyPem: pem }) => dkimKey(selector, pem, names.domain)),
    server: Buffer.from(kept.server, 'base64'),
    srs: kept.srs,
  }
}

async function make(world: World, names: { domain: string; hostName: string; ip: string }): Promise<Kept> {
  const [tls, rsa] = await Promise.all([
    world.keymaker.tlsIdentity([names.hostName, names.domain, names.ip]),
    world.keymaker.rsa(),
  ])
  return {
    tls,
    dkim: [
      { selector: 'rsa1', privateKeyPem: privateKeyPem(rsa) },
      { selector: 'ed1', privateKeyPem: privateKeyPem(makeEd25519Key(world.random)) },
    ],
    server: world.random.bytes(32).toString('base64'),
    srs: [world.random.bytes(24).toString('base64')],
  }
}

function dkimKey(selector: string, pem: string, domain: string): DkimKey {
  const privateKey = readPrivateKey(pem)
  if (privateKey === undefined) throw new Error(`the DKIM key ${selector} of ${domain} in ${FILE} cannot be read`)
  const algorithm = privateKey.asymmetricKeyType === 'ed25519' ? 'ed25519-sha256' : 'rsa-sha256'
  return { selector, algorithm, privateKey, record: keyRecord(privateKey, domain, selector).text }
}
