/** What handler.yaml names: answers by itself, on the web's Request and Response. */
export function hello(request) {
  const name = new URL(request.url).searchParams.get('name') ?? 'whoever you are';
  return Response.json({ hello: name });
}
