// Passkeys as the browser has them (WebAuthn): what the server asks for, and what the browser says to it, both as JSON.

/** Can this browser make and use them, at this page. */
export const canUsePasskeys = (): boolean =>
  typeof PublicKeyCredential === 'function' && typeof PublicKeyCredential.parseRequestOptionsFromJSON === 'function'

export async function makePasskey(options: PublicKeyCredentialCreationOptionsJSON): Promise<object> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
  return answered(await navigator.credentials.create({ publicKey }).catch(explain))
}

export async function usePasskey(options: PublicKeyCredentialRequestOptionsJSON): Promise<object> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  return answered(await navigator.credentials.get({ publicKey }).catch(explain))
}

function answered(credential: Credential | null): object {
  if (!(credential instanceof PublicKeyCredential)) throw new Error('The browser gave no passkey.')
  return credential.toJSON()
}

/** Browsers say the same for "changed my mind", "took too long" and "there is none", so that pages do not learn more. */
function explain(error: unknown): never {
  const name = (error as Error).name
  if (name === 'InvalidStateError') throw new Error('This device has a passkey for this account already.')
  throw new Error(name === 'NotAllowedError' ? 'No passkey was chosen.' : (error as Error).message)
}
