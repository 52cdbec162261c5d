// What a browser answers when it was asked for a passkey (WebAuthn §5.1, toJSON): read field by field, since it comes from
// outside, and bounded.

import type {
  AuthenticationResponseJSON,
  AuthenticatorTransport,
  RegistrationResponseJSON,
} from '@simplewebauthn/server'

const TRANSPORTS: readonly AuthenticatorTransport[] = ['ble', 'hybrid', 'internal', 'nfc', 'usb']
/** A credential's name has at most 1023 bytes (§4). */
const MAX_ID = 1364
const MAX_PART = 16_384

type Fields = Readonly<Record<string, unknown>>

const fieldsIn = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined

const partIn = (fields: Fields, key: string, most = MAX_PART): string | undefined => {
  const value = fields[key]
  return typeof value === 'string' && value.length <= most && /^[A-Za-z0-9_-]+$/.test(value) ? value : undefined
}

/** What is the same in both; undefined: that is not what a browser says. */
function frameIn(value: unknown): { id: string; inner: Fields; clientDataJSON: string } | undefined {
  const fields = fieldsIn(value)
  const inner = fieldsIn(fields?.response)
  if (fields === undefined || inner === undefined || fields.type !== 'public-key') return undefined
  const id = partIn(fields, 'id', MAX_ID)
  const clientDataJSON = partIn(inner, 'clientDataJSON')
  return id === undefined || clientDataJSON === undefined || fields.rawId !== id
    ? undefined
    : { id, inner, clientDataJSON }
}

/** How the device is reached, as far as the words are known. */
export const transportsIn = (words: readonly unknown[]): AuthenticatorTransport[] =>
  TRANSPORTS.filter((one) => words.includes(one))

/** A new passkey. */
export function registrationIn(value: unknown): RegistrationResponseJSON | undefined {
  const frame = frameIn(value)
  const attestationObject = frame && partIn(frame.inner, 'attestationObject')
  if (frame === undefined || attestationObject === undefined) return undefined
  const { id, inner, clientDataJSON } = frame
  const transports = transportsIn(Array.isArray(inner.transports) ? inner.transports : [])
  const response = { clientDataJSON, attestationObject, transports }
  return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response }
}

/** A passkey's signature. */
export function assertionIn(value: unknown): AuthenticationResponseJSON | undefined {
  const frame = frameIn(value)
  if (frame === undefined) return undefined
  const { id, inner, clientDataJSON } = frame
  const authenticatorData = partIn(inner, 'authenticatorData')
  const signature = partIn(inner, 'signature')
  if (authenticatorData === undefined || signature === undefined) return undefined
  const userHandle = partIn(inner, 'userHandle', 100)
  const response = { clientDataJSON, authenticatorData, signature, ...(userHandle !== undefined && { userHandle }) }
  return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response }
}
