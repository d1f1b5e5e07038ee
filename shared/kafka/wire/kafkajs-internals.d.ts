/** Modules of kafkajs 2.2.4 without types. `internals.ts` declares the types that are used. */
declare module 'kafkajs/src/network/connection.js' {
  const Connection: unknown
  export default Connection
}
declare module 'kafkajs/src/network/requestQueue/index.js' {
  const RequestQueue: { readonly prototype: object }
  export default RequestQueue
}
declare module 'kafkajs/src/network/socketFactory.js' {
  const socketFactory: () => unknown
  export default socketFactory
}
declare module 'kafkajs/src/protocol/requests/index.js' {
  const module: { readonly requests: unknown }
  export default module
}
declare module 'kafkajs/src/protocol/requests/apiKeys.js' {
  const apiKeys: Readonly<Record<string, number>>
  export default apiKeys
}
declare module 'kafkajs/src/protocol/error.js' {
  const module: { readonly createErrorFromCode: (code: number) => Error }
  export default module
}
