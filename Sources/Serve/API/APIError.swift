// Why a request is not done: a status, a code for programs and a line for people.

internal import Decode
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOHTTP1
internal import Report

/// Answers a request that is not done.
struct APIError: Error, HTTPResponseError {
    let status: HTTPResponse.Status
    let code: String
    let message: String
    var headers: HTTPFields = [:]

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    func response(from request: Request, context: some RequestContext) -> Response {
        var response = Response.json(
            ErrorView(error: .init(code: code, message: message)), status: status)
        for field in headers { response.headers.append(field) }
        return response
    }

    /// What a failure means to a caller.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case DeskError.refused(let why): self.init(.badRequest, "refused", why)
        case DeskError.full(let most):
            self.init(
                .serviceUnavailable, "full",
                "\(most) streams are watched, which is the most: end a watch or raise max_streams")
        case DeskError.closing:
            self.init(.serviceUnavailable, "closing", "the service is about to end")
        case let error as ReportError where error.code == .notFound:
            self.init(.notFound, "not_found", error.message)
        case let error as ReportError where error.code == .full:
            self.init(.conflict, "full", "there are as many of it as are kept")
        case let error as ReportError:
            // The line names paths of the machine, which are no business of a caller's.
            self.init(
                .serviceUnavailable, "store",
                "the state could not be read or written "
                    + "(\(error.code.rawValue)); the service's log says why")
        case let error as HTTPError: self.init(error)
        case is NIOTooManyBytesError: self.init(HTTPError(.contentTooLarge))
        case is HTTPParserError: self.init(HTTPError(.badRequest, message: "the body is not HTTP"))
        default:
            self.init(.internalServerError, "internal", "the service's log says why")
        }
    }
}

extension APIError {
    /// What the server's own refusals mean to a caller.
    private init(_ error: HTTPError) {
        switch error.status {
        case .notFound: self.init(.notFound, "not_found", "there is nothing at this path")
        case .contentTooLarge:
            self.init(
                .contentTooLarge, "too_large",
                "the body is larger than \(HookRequest.longestBody) bytes")
        default:
            self.init(error.status, "bad_request", error.body ?? "the request is not understood")
        }
    }
}

extension Response {
    /// A value as JSON.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let data = (try? APICoding.encoder().encode(value)) ?? Data("{}".utf8)
        return Response(
            status: status,
            headers: [
                .contentType: "application/json; charset=utf-8", .cacheControl: "no-store",
                .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(
                byteBuffer: ByteBuffer(
                    string: PlainText.escapedJSON(String(decoding: data, as: UTF8.self)))))
    }
}
