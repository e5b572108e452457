"""``/api/status-pages``: make pages, say what stands on them, and write on them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Team
from accounts.selectors import membership_of, person_of
from common.paging import page_by
from common.serializers import read_body
from statuspages.models import Component, Post, Section, StatusPage
from statuspages.selectors import pages as selectors
from statuspages.serializers.pages import (
    ComponentInput,
    ComponentOutput,
    PageInput,
    PageOutput,
    PostChange,
    PostInput,
    PostOutput,
    SectionInput,
    SectionOutput,
    UpdateInput,
    UpdateOutput,
)
from statuspages.services import pages, posts


def team_of(request: Request) -> Team:
    return membership_of(request.user).team


def page_named(request: Request, pk: UUID) -> StatusPage:
    return get_object_or_404(_whole(selectors.pages_of(team_of(request))), pk=pk)


def _whole(found: QuerySet[StatusPage]) -> QuerySet[StatusPage]:
    return found.prefetch_related("sections", "components__group")


def created(told: serializers.BaseSerializer[Any]) -> Response:
    return Response(told.data, status=status.HTTP_201_CREATED)


def gone() -> Response:
    return Response(status=status.HTTP_204_NO_CONTENT)


class PageList(APIView):
    @extend_schema(responses=PageOutput(many=True))
    def get(self, request: Request) -> Response:
        """The team's pages in the order in which they were made: ``?limit= &cursor=``."""
        found = _whole(selectors.pages_of(team_of(request)))
        page, more = page_by(found, request.query_params, order=("created_at", "id"))
        return Response({"results": PageOutput(page, many=True).data, "next": more})

    @extend_schema(request=PageInput, responses={201: PageOutput})
    def post(self, request: Request) -> Response:
        """Make a page: ``title`` and ``slug`` are enough. It is to be seen once it is ``published``."""
        team, by = team_of(request), person_of(request.user)
        fields = read_body(PageInput, request)
        return created(PageOutput(pages.create_page(team=team, by=by, **fields)))


class PageDetail(APIView):
    @extend_schema(responses=PageOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One page with its sections and components."""
        return Response(PageOutput(page_named(request, pk)).data)

    @extend_schema(request=PageInput, responses=PageOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change what is named."""
        page = pages.change_page(page_named(request, pk), **read_body(PageInput, request, partial=True))
        return Response(PageOutput(page).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a page with all that was written on it and who is told of it."""
        pages.delete_page(page_named(request, pk))
        return gone()


class PageToken(APIView):
    @extend_schema(request=None, responses=PageOutput)
    def post(self, request: Request, pk: UUID) -> Response:
        """A new address for an unlisted page; the old one is unknown from now on."""
        return Response(PageOutput(pages.renew_token(page_named(request, pk))).data)


class SectionList(APIView):
    @extend_schema(responses=SectionOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """The sections of a page, in its order."""
        found = page_named(request, pk).sections.all()
        page, more = page_by(found, request.query_params, order=("position", "id"))
        return Response({"results": SectionOutput(page, many=True).data, "next": more})

    @extend_schema(request=SectionInput, responses={201: SectionOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Add a section, at the end unless ``position`` is said."""
        page, fields = page_named(request, pk), read_body(SectionInput, request)
        section = pages.add_section(page, name=fields["name"])
        return created(SectionOutput(pages.change_section(section, position=fields.get("position"))))


class SectionDetail(APIView):
    def _section(self, request: Request, pk: UUID) -> Section:
        return get_object_or_404(selectors.sections_of(team_of(request)), pk=pk)

    @extend_schema(responses=SectionOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One section."""
        return Response(SectionOutput(self._section(request, pk)).data)

    @extend_schema(request=SectionInput, responses=SectionOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Rename or move a section."""
        section = self._section(request, pk)
        return Response(
            SectionOutput(pages.change_section(section, **read_body(SectionInput, request, partial=True))).data
        )

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a section; its components stay, without one."""
        pages.delete_section(self._section(request, pk))
        return gone()


class ComponentList(APIView):
    @extend_schema(responses=ComponentOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """What stands on a page, in its order."""
        found = page_named(request, pk).components.prefetch_related("group")
        page, more = page_by(found, request.query_params, order=("position", "id"))
        return Response({"results": ComponentOutput(page, many=True).data, "next": more})

    @extend_schema(request=ComponentInput, responses={201: ComponentOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Add a component.

        ``source`` is ``monitor``, ``tag`` or ``group``, and ``monitor``, ``tag`` or ``monitors`` says which.
        """
        page, fields = page_named(request, pk), read_body(ComponentInput, request)
        component = pages.add_component(page, **fields)
        if fields.get("position") is not None:
            component = pages.change_component(component, position=fields["position"])
        return created(ComponentOutput(component))


class ComponentDetail(APIView):
    def _component(self, request: Request, pk: UUID) -> Component:
        return get_object_or_404(selectors.components_of(team_of(request)), pk=pk)

    @extend_schema(responses=ComponentOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One component."""
        return Response(ComponentOutput(self._component(request, pk)).data)

    @extend_schema(request=ComponentInput, responses=ComponentOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change what is named; ``position`` moves it."""
        component = self._component(request, pk)
        fields = read_body(ComponentInput, request, partial=True)
        return Response(ComponentOutput(pages.change_component(component, **fields)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Take a component off its page; what it shows stays."""
        pages.delete_component(self._component(request, pk))
        return gone()


class PostList(APIView):
    @extend_schema(responses=PostOutput(many=True))
    def get(self, request: Request, pk: UUID) -> Response:
        """What was written on the page, newest first: ``?limit= &cursor=``."""
        found = selectors.posts_of(team_of(request)).filter(page=page_named(request, pk))
        listed, more = page_by(found, request.query_params, order=("-starts_at", "id"))
        return Response({"results": PostOutput(listed, many=True).data, "next": more})

    @extend_schema(request=PostInput, responses={201: PostOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Write of an incident or of planned work: ``title`` and ``text``, and what it is about."""
        by = person_of(request.user)
        return created(PostOutput(posts.write_post(page_named(request, pk), by=by, **read_body(PostInput, request))))


class PostView(APIView):
    def post_named(self, request: Request, pk: UUID) -> Post:
        return get_object_or_404(selectors.posts_of(team_of(request)), pk=pk)


class PostDetail(PostView):
    @extend_schema(responses=PostOutput)
    def get(self, request: Request, pk: UUID) -> Response:
        """One post with its updates."""
        return Response(PostOutput(self.post_named(request, pk)).data)

    @extend_schema(request=PostChange, responses=PostOutput)
    def patch(self, request: Request, pk: UUID) -> Response:
        """Change its title, its times or what it is about. Its state changes by an update."""
        post = posts.change_post(self.post_named(request, pk), **read_body(PostChange, request, partial=True))
        return Response(PostOutput(post).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Delete a post with its updates."""
        posts.delete_post(self.post_named(request, pk))
        return gone()


class PostUpdates(PostView):
    @extend_schema(request=UpdateInput, responses={201: UpdateOutput})
    def post(self, request: Request, pk: UUID) -> Response:
        """Say something more, and what the state is now."""
        by, post = person_of(request.user), self.post_named(request, pk)
        return created(UpdateOutput(posts.add_update(post, by=by, **read_body(UpdateInput, request))))
