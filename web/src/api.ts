// The small interfaces beside JMAP: sign-in, trace, trusted Forwarders, the live picture.

export type { DeskView as Forwarding } from '../../src/roles/forwarder/desk.ts'
export type { TrustedForwarder } from '../../src/store/nouns/forwarding.ts'
export type { TraceView } from '../../src/web/backends.ts'

export interface Me {
  readonly address: string
  readonly displayName: string
  readonly accountId: string
}

export interface Welcome {
  readonly people: readonly { readonly name: string; readonly address: string; readonly password: string }[]
  readonly otherIssuers: readonly { readonly agent: string; readonly name: string }[]
  readonly hasLive: boolean
  readonly hasTrace: boolean
  readonly hasPasskeys: boolean
}

/** The answer's JSON, or an Error whose message is for the person. */
export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch {
    throw new Error('The server cannot be reached.')
  }
  if (response.status === 204) return undefined as T
  const json = await response.json().catch(() => ({}))
  if (response.ok) return json as T
  throw new ApiError(
    response.status,
    json.error ?? json.detail ?? `The server answered ${response.status}.`,
    json.needsCode === true,
    json.passkey,
  )
}

export class ApiError extends Error {
  readonly status: number
  /** The password was right, and a second factor is asked for. */
  readonly needsCode: boolean
  /** What a passkey may sign instead of the code. */
  readonly passkey: PublicKeyCredentialRequestOptionsJSON | undefined
  constructor(status: number, message: string, needsCode = false, passkey?: PublicKeyCredentialRequestOptionsJSON) {
    super(message)
    this.status = status
    this.needsCode = needsCode
    this.passkey = passkey
  }
}

/** A picture from the server as an image: nothing in it can act. */
export const svgUrl = (svg: string): string => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`
