// What the roles import and nobody in a simulated world of the lab calls: databases (stores lie in memory there), other
// people's sign-in, directories. Whoever calls it all the same is told so.

function absent(what: string): never {
  throw new Error(`${what} is not in the lab that runs in a browser.`)
}

const gone = (what: string) => () => absent(what)

// node:events, node:util
export const once = gone('Waiting for an event of Node')
export const isDeepStrictEqual = gone('Comparing of Node')
// node:sqlite
export class DatabaseSync {
  constructor() {
    absent('A database')
  }
}
// ldapts
export const FilterParser = { parseString: gone('A directory (LDAP)') }
// @simplewebauthn/server
export const generateAuthenticationOptions = gone('A passkey')
export const generateRegistrationOptions = gone('A passkey')
export const verifyAuthenticationResponse = gone('A passkey')
export const verifyRegistrationResponse = gone('A passkey')
export const decodeAttestationObject = gone('A passkey')
// jose
export const createLocalJWKSet = gone('A token of another issuer')
export const jwtVerify = gone('A token of another issuer')
export const errors = {}
// otpauth
export const Secret = { fromBase32: gone('A second factor') }
export class TOTP {
  constructor() {
    absent('A second factor')
  }
}
