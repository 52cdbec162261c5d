declare module 'punycode/' {
  const punycode: { toUnicode(name: string): string }
  export default punycode
}
